"""UDP: each flow has a connected socket of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import OrderedDict

from mix_network.exit.nat.flow import FlowKey
from mix_network.exit.nat.link import DNS_PORT, NatLink, local_address_for, unreachable_reason
from mix_network.exit.nat.packets import datagram_packets, unreachable_for
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.netstack.wire.icmp import UnreachableReason
from mix_protocol.netstack.wire.ip import IpPacket, unpack_address
from mix_protocol.netstack.wire.udp import decode_udp

IDLE_S = 120.0
"""A mapping lives at least two minutes without traffic (RFC 4787, requirement 5) …"""
DNS_IDLE_S = 10.0
"""… but one question and its answer need no such patience (RFC 4787, section 4.3, on well-known ports)."""

_READ_BYTES = 0xFFFF
_READS_AT_ONCE = 32
_DNS_QUERIES_AT_ONCE = 256


class _UdpFlow:
    """One client port talking to one remote port."""

    def __init__(self, forwarder: UdpForwarder, key: FlowKey, now: float) -> None:
        self.key = key
        self.last_active = now
        self.idle_s = DNS_IDLE_S if key.remote[1] == DNS_PORT else IDLE_S
        self._forwarder = forwarder
        self._last_packet: tuple[bytes, IpPacket] | None = None
        remote = unpack_address(key.remote[0])
        self._socket = socket.socket(socket.AF_INET if remote.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            local = local_address_for(remote)
            if local is not None:
                self._socket.bind(local)
            self._socket.connect((str(remote), key.remote[1]))
        except OSError:
            self._socket.close()
            raise
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._readable)

    def send(self, data: bytes, original: bytes, packet: IpPacket) -> None:
        """Pass a client's datagram on. What the system has no room for is lost, as anywhere on the way."""
        self._last_packet = (original, packet)
        try:
            self._socket.send(data)
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as error:
            self._report(error)

    def _readable(self) -> None:
        with self._forwarder.link.isolated(self):
            self._read()

    def _read(self) -> None:
        for _ in range(_READS_AT_ONCE):
            try:
                data = self._socket.recv(_READ_BYTES)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._report(error)
                return
            self.last_active = self._forwarder.link.clock()
            self._forwarder.receive(self, data)

    def _report(self, error: OSError) -> None:
        """Tell the client what became of its last datagram, as the routers on the way told us."""
        if self._last_packet is not None:
            refused = isinstance(error, ConnectionRefusedError)
            reason = UnreachableReason.PORT if refused else unreachable_reason(error)
            self._forwarder.link.send(unreachable_for(*self._last_packet, reason))
            self._last_packet = None

    def abort(self) -> None:
        """Close the socket and leave the table."""
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()
        self._forwarder.forget(self)


class UdpForwarder:
    """Forwards clients' datagrams, and answers DNS queries when there is a resolver for them."""

    def __init__(self, link: NatLink) -> None:
        self.link = link
        # Least recently used first, so that idle flows are found without a look at the others.
        self._flows: OrderedDict[FlowKey, _UdpFlow] = OrderedDict()
        self._queries: set[asyncio.Task[None]] = set()

    def receive_packet(self, original: bytes, packet: IpPacket, now: float) -> None:
        """Take a client's packet."""
        try:
            datagram = decode_udp(packet.payload, packet.source, packet.destination)
        except PeerMisbehaved:
            return
        key = FlowKey("udp", (packet.source, datagram.source_port), (packet.destination, datagram.destination_port))
        data = bytes(datagram.payload)
        if self.link.answers_dns(datagram.destination_port):
            self._answer_query(key, data)
            return
        if not datagram.destination_port:
            return
        flow = self._flows.get(key)
        if flow is None:
            client, destination = unpack_address(packet.source), unpack_address(packet.destination)
            if not self.link.allows(client, destination, datagram.destination_port):
                self.link.refuse(original, packet, UnreachableReason.ADMINISTRATIVELY_PROHIBITED)
                return
            try:
                flow = self._open(key, now)
            except OSError as error:
                self.link.refuse(original, packet, unreachable_reason(error))
                return
        flow.last_active = now
        self._flows.move_to_end(key)
        flow.send(data, original, packet)

    def receive(self, flow: _UdpFlow, data: bytes) -> None:
        """Take a datagram that came back on a flow's socket."""
        self._flows.move_to_end(flow.key)
        for packet in datagram_packets(flow.key.remote, flow.key.client, data, self.link.mtu_bytes):
            self.link.send(packet)

    def close_idle(self, now: float) -> None:
        """Close flows that have been idle for too long."""
        for flow in [flow for flow in self._flows.values() if now >= flow.last_active + flow.idle_s]:
            flow.abort()

    def forget(self, flow: _UdpFlow) -> None:
        """A flow has ended."""
        self._flows.pop(flow.key, None)
        self.link.flows.remove(flow)

    async def close(self) -> None:
        """Close every socket and drop the queries under way."""
        for flow in list(self._flows.values()):
            flow.abort()
        for task in list(self._queries):
            task.cancel()
        await asyncio.gather(*self._queries, return_exceptions=True)

    def _open(self, key: FlowKey, now: float) -> _UdpFlow:
        while self._flows and not self.link.flows.has_room_for(key.client[0]):
            same_client = (flow for flow in self._flows.values() if flow.key.client[0] == key.client[0])
            next(same_client, next(iter(self._flows.values()))).abort()
        if not self.link.flows.has_room_for(key.client[0]):
            raise OSError("the flow table is full")
        flow = _UdpFlow(self, key, now)
        self._flows[key] = flow
        self.link.flows.add(flow)
        return flow

    def _answer_query(self, key: FlowKey, query: bytes) -> None:
        if len(self._queries) >= _DNS_QUERIES_AT_ONCE:
            return
        task = asyncio.create_task(self._resolve(key, query))
        self._queries.add(task)
        task.add_done_callback(self._queries.discard)

    async def _resolve(self, key: FlowKey, query: bytes) -> None:
        assert self.link.resolver is not None
        with contextlib.suppress(asyncio.CancelledError):
            answer = await self.link.resolver.answer(query)
            if answer is not None:
                for packet in datagram_packets(key.remote, key.client, answer, self.link.mtu_bytes):
                    self.link.send(packet)
