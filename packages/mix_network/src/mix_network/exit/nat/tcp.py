"""TCP: a client's connection ends in our own stack once the real connection to its destination stands."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from mix_protocol.netstack.stack import NetworkStack
from mix_protocol.netstack.tcp.connection import TcpConnection

from mix_network.exit.nat.dns_stream import DnsStream
from mix_network.exit.nat.flow import FlowKey
from mix_network.exit.nat.link import NatLink, local_address_for, unreachable_reason
from mix_network.exit.nat.packets import tcp_reset_for, unreachable_for
from mix_network.exit.nat.relay import TcpRelay
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.netstack.wire.icmp import UnreachableReason
from mix_protocol.netstack.wire.ip import IpPacket, unpack_address
from mix_protocol.netstack.wire.tcp import ACK, RST, SYN, TcpSegment, decode_tcp

CONNECT_TIMEOUT_S = 30.0
HANDSHAKE_TIMEOUT_S = 60.0
"""How long a client may take to finish the handshake once its SYN has been answered."""

logger = logging.getLogger(__name__)


class _TcpFlow:
    """One connection: first an attempt to reach the destination, then a relay.

    The client's SYN is kept until then and given to the stack when the destination has answered, so that the client
    sees a connection exactly if there is one (RFC 5382 asks NATs not to lie about it, section 4.3).
    """

    def __init__(
        self, forwarder: TcpForwarder, key: FlowKey, syn: bytes, packet: IpPacket, segment: TcpSegment
    ) -> None:
        self.key = key
        self._forwarder = forwarder
        self._syn = (syn, packet, segment)
        self._connecting: asyncio.Task[None] | None = None
        self._connection: TcpConnection | None = None
        self._end: TcpRelay | DnsStream | None = None
        self.give_up_at: float | None = None
        """When an unfinished handshake is given up, in monotonic seconds; None while there is nothing to give up."""

    @property
    def is_connecting(self) -> bool:
        """Whether the destination has not answered yet, and the client's packets must wait."""
        return self._connecting is not None

    def connect(self) -> None:
        """Start to reach the destination."""
        self._connecting = asyncio.create_task(self._connect())

    def answer_dns(self) -> None:
        """Be the destination: this connection is for our own resolver."""
        resolver = self._forwarder.link.resolver
        assert resolver is not None
        self._end = DnsStream(resolver, self._leave, self._forwarder.schedule_output)
        self._answer_syn()

    async def _connect(self) -> None:
        remote = unpack_address(self.key.remote[0])
        relay = TcpRelay(self._leave, self._forwarder.schedule_output)
        original, packet, segment = self._syn
        refusal: bytes | None = None
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await asyncio.get_running_loop().create_connection(
                    lambda: relay, str(remote), self.key.remote[1], local_addr=local_address_for(remote)
                )
        except ConnectionRefusedError:
            refusal = tcp_reset_for(packet, segment)
        except TimeoutError:
            refusal = unreachable_for(original, packet, UnreachableReason.HOST)
        except OSError as error:
            refusal = unreachable_for(original, packet, unreachable_reason(error))
        except asyncio.CancelledError:
            relay.abort()
            raise
        finally:
            self._connecting = None
        if refusal is not None:
            self._forwarder.link.send(refusal)
            self._leave()
            return
        self._end = relay
        self._answer_syn()

    def _answer_syn(self) -> None:
        self.give_up_at = self._forwarder.link.clock() + HANDSHAKE_TIMEOUT_S
        self._forwarder.to_stack(self._syn[0])
        self._forwarder.schedule_output()

    def attach(self, connection: TcpConnection) -> None:
        """The client finished its handshake."""
        assert self._end is not None
        self.give_up_at = None
        self._connection = connection
        connection.on_event = self._forwarder.on_event_of(self)
        self._end.attach(connection)

    def connection_changed(self) -> None:
        """The client's connection has news."""
        if self._end is not None:
            self._end.connection_changed()

    def abort(self) -> None:
        """Reset both sides and leave the table."""
        if self._connecting is not None:
            self._connecting.cancel()
        if self._end is not None:
            self._end.abort()
        self._leave()

    def _leave(self) -> None:
        if self._connection is not None:
            self._connection.on_event = None
        self._forwarder.link.flows.remove(self)


class TcpForwarder:
    """Forwards clients' TCP connections.

    on_output -- called when the stack has something to send or a new timeout
    """

    def __init__(self, link: NatLink, stack: NetworkStack, on_output: Callable[[], None]) -> None:
        self.link = link
        self._stack = stack
        self._listener = stack.listen_tcp(None, None, backlog=1024)
        self._on_output = on_output
        self._changed: dict[_TcpFlow, None] = {}

    def receive_packet(self, original: bytes, packet: IpPacket, now: float) -> None:
        """Take a client's packet."""
        try:
            segment = decode_tcp(packet.payload, packet.source, packet.destination)
        except PeerMisbehaved:
            return
        client = (packet.source, segment.source_port)
        remote = (packet.destination, segment.destination_port)
        key = FlowKey("tcp", client, remote)
        flow = self.link.flows.get(key)
        is_syn = segment.flags & (SYN | ACK | RST) == SYN
        if isinstance(flow, _TcpFlow) and flow.is_connecting:
            if segment.flags & RST:
                flow.abort()
            return
        if flow is None and is_syn:
            self._open(key, original, packet, segment)
            return
        self.to_stack(original)

    def to_stack(self, packet: bytes) -> None:
        """Give the stack a packet and act on what came of it."""
        self._stack.receive_packet(packet, self.link.clock())
        self.settle()

    def settle(self) -> None:
        """Pair finished handshakes with their flows, and tell flows whose connections have news."""
        while (connection := self._listener.accept()) is not None:
            self._pair(connection)
        while self._changed:
            flow = next(iter(self._changed))
            del self._changed[flow]
            flow.connection_changed()

    def close_idle(self, now: float) -> None:
        """Give up handshakes that clients don't finish. Idle connections are the client's affair while it lives."""
        for flow in self.link.flows.all():
            if isinstance(flow, _TcpFlow) and flow.give_up_at is not None and now >= flow.give_up_at:
                flow.abort()

    def schedule_output(self) -> None:
        """Something outside the stack changed a connection."""
        self._on_output()

    def on_event_of(self, flow: _TcpFlow) -> Callable[[], None]:
        """The callback for a flow's connection. It only notes the news: the stack is in the middle of its work."""

        def note() -> None:
            self._changed[flow] = None
            self._on_output()

        return note

    async def close(self) -> None:
        """Reset every connection."""
        flows = [flow for flow in self.link.flows.all() if isinstance(flow, _TcpFlow)]
        tasks = [flow._connecting for flow in flows if flow._connecting is not None]
        for flow in flows:
            flow.abort()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def _open(self, key: FlowKey, syn: bytes, packet: IpPacket, segment: TcpSegment) -> None:
        answers_dns = self.link.answers_dns(key.remote[1])
        if not answers_dns and (not key.remote[1] or not self.link.allows(packet, key.remote[1])):
            # The report tells why; the reset also reaches stacks that hear no reports.
            self.link.refuse(syn, packet, UnreachableReason.ADMINISTRATIVELY_PROHIBITED)
            self.link.send(tcp_reset_for(packet, segment))
            return
        if not self.link.flows.has_room_for(key.client[0]):
            self.link.refused += 1
            self.link.send(tcp_reset_for(packet, segment))
            return
        flow = _TcpFlow(self, key, syn, packet, segment)
        self.link.flows.add(flow)
        if answers_dns:
            flow.answer_dns()
        else:
            flow.connect()

    def _pair(self, connection: TcpConnection) -> None:
        client, remote = connection.remote, connection.local
        key = FlowKey("tcp", (client[0].packed, client[1]), (remote[0].packed, remote[1]))
        flow = self.link.flows.get(key)
        if isinstance(flow, _TcpFlow) and not flow.is_connecting:
            flow.attach(connection)
        else:
            connection.abort()
