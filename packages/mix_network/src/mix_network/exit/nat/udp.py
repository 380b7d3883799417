"""UDP: each flow has a connected socket of its own."""

from __future__ import annotations

import asyncio
import socket

from mix_network.exit.nat.flow import FlowKey
from mix_network.exit.nat.link import DNS_PORT, NatLink, local_address_for, unreachable_reason
from mix_network.exit.nat.packets import datagram_packets, unreachable_for
from mix_network.exit.nat.queries import Queries
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.ipr.addresses import client_number
from mix_protocol.netstack.wire.icmp import UnreachableReason
from mix_protocol.netstack.wire.ip import IpPacket, unpack_address
from mix_protocol.netstack.wire.udp import decode_udp

IDLE_S = 120.0
"""A mapping lives at least two minutes without traffic (RFC 4787, requirement 5) …"""
DNS_IDLE_S = 10.0
"""… but one question and its answer need no such patience (RFC 4787, section 4.3, on well-known ports)."""

_READ_BYTES = 0xFFFF
_READS_AT_ONCE = 32


class _UdpFlow:
    """One client port talking to one remote port."""

    def __init__(self, link: NatLink, key: FlowKey, now: float) -> None:
        self.key = key
        self.last_active = now
        self.idle_s = DNS_IDLE_S if key.remote[1] == DNS_PORT else IDLE_S
        self._link = link
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
        with self._link.isolated(self):
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
            self._link.flows.touch(self, self._link.clock())
            for packet in datagram_packets(self.key.remote, self.key.client, data, self._link.mtu_bytes):
                self._link.send(packet)

    def _report(self, error: OSError) -> None:
        """Tell the client what became of its last datagram, as the routers on the way told us."""
        if self._last_packet is not None:
            refused = isinstance(error, ConnectionRefusedError)
            reason = UnreachableReason.PORT if refused else unreachable_reason(error)
            self._link.send(unreachable_for(*self._last_packet, reason))
            self._last_packet = None

    def abort(self) -> None:
        """Close the socket and leave the table."""
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()
        self._link.flows.remove(self)


class UdpForwarder:
    """Forwards clients' datagrams, and answers DNS queries when there is a resolver for them."""

    def __init__(self, link: NatLink) -> None:
        self.link = link
        self._queries = Queries()

    def receive_packet(self, original: bytes, packet: IpPacket, now: float) -> None:
        """Take a client's packet."""
        try:
            datagram = decode_udp(packet.payload, packet.source, packet.destination)
        except PeerMisbehaved:
            return
        key = FlowKey("udp", (packet.source, datagram.source_port), (packet.destination, datagram.destination_port))
        data = bytes(datagram.payload)
        if self.link.answers_dns(datagram.destination_port):
            self._queries.start(packet.source, self._resolve(key, data))
            return
        if not datagram.destination_port:
            return
        flow = self.link.flows.get(key)
        if not isinstance(flow, _UdpFlow):
            client, destination = unpack_address(packet.source), unpack_address(packet.destination)
            if not self.link.allows(client, destination, datagram.destination_port):
                self.link.refuse(original, packet, UnreachableReason.ADMINISTRATIVELY_PROHIBITED)
                return
            if not self.link.flows.make_room(packet.source, now):
                self.link.refuse(original, packet, UnreachableReason.ADMINISTRATIVELY_PROHIBITED)
                return
            try:
                flow = _UdpFlow(self.link, key, now)
            except OSError as error:
                self.link.refuse(original, packet, unreachable_reason(error))
                return
            self.link.flows.add(flow)
        self.link.flows.touch(flow, now)
        flow.send(data, original, packet)

    def drop_client(self, address: bytes) -> None:
        """Give no more answers to a client that is gone; its flows end by themselves."""
        self._queries.drop_client(address)

    async def close(self) -> None:
        """Drop the queries under way."""
        await self._queries.close()

    async def _resolve(self, key: FlowKey, query: bytes) -> None:
        assert self.link.resolver is not None
        answer = await self.link.resolver.answer(query, client=client_number(key.client[0]))
        if answer is not None:
            for packet in datagram_packets(key.remote, key.client, answer, self.link.mtu_bytes):
                self.link.send(packet)
