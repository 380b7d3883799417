"""A stack's listeners: which of them a SYN is for, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from mix_protocol.netstack.errors import AddressInUse
from mix_protocol.netstack.ports import PortAllocator
from mix_protocol.netstack.tcp.connection import TcpConnection
from mix_protocol.netstack.tcp.control_block import Flow
from mix_protocol.netstack.tcp.listener import ConnectionRequested, TcpListener
from mix_protocol.netstack.tcp.sequence import wrap
from mix_protocol.netstack.wire.icmp import UnreachableReason
from mix_protocol.netstack.wire.ip import TCP, IpPacket
from mix_protocol.netstack.wire.tcp import RST, TcpSegment

SendUnreachable = Callable[[UnreachableReason, bytes, bytes, bytes], None]


class PassiveOpener(Protocol):
    """What listeners need of their layer."""

    def open_passively(self, flow: Flow, syn: TcpSegment, now: float) -> TcpConnection:
        """Answer a SYN with SYN and ACK."""
        ...

    def closed_connection(self, flow: Flow, now: float) -> TcpConnection:
        """A connection that has been reset already."""
        ...

    def reset_stray(self, flow: Flow, segment: TcpSegment) -> None:
        """Answer a segment with a RST."""
        ...


class PassiveOpens:
    """Listeners, SYNs that wait for a decision, and handshakes that nobody has been told of yet.

    request_lifetime_s -- after this long an undecided SYN makes room for others
    """

    def __init__(
        self,
        opener: PassiveOpener,
        ports: PortAllocator,
        send_unreachable: SendUnreachable,
        request_lifetime_s: float,
    ) -> None:
        self._opener = opener
        self._ports = ports
        self._send_unreachable = send_unreachable
        self._request_lifetime_s = request_lifetime_s
        self._listeners: dict[tuple[bytes | None, int | None], TcpListener] = {}
        self._requests: dict[Flow, ConnectionRequested] = {}
        self._accepting: dict[Flow, tuple[TcpListener, TcpConnection]] = {}

    @property
    def is_promiscuous(self) -> bool:
        """Whether some listener stands in for every address."""
        return any(listener.promiscuous for listener in self._listeners.values())

    def listen(
        self, address: bytes | None, port: int | None, backlog: int, promiscuous: bool, hold: bool
    ) -> TcpListener:
        """A new listener; None stands for any address or port."""
        if (address, port) in self._listeners:
            raise AddressInUse()
        listener = TcpListener(self, address, port, backlog, promiscuous, hold)
        self._listeners[(address, port)] = listener
        if port is not None:
            self._ports.claim(port)
        return listener

    def close(self, listener: TcpListener, untaken: Iterable[TcpConnection]) -> None:
        """Forget a listener and all that was not handed out."""
        if self._listeners.pop((listener.address, listener.port), None) is None:
            return
        if listener.port is not None:
            self._ports.release(listener.port)
        for connection in untaken:
            connection.abort()
        for flow in list(listener.handshakes):
            if flow in self._accepting:
                self._accepting[flow][1].abort()
            elif flow in self._requests:
                self.refuse(self._requests[flow], None)

    def accept(self, request: ConnectionRequested, now: float) -> TcpConnection:
        """Answer a held SYN with SYN and ACK; the connection is closed already if the peer has given up."""
        if not self._withdraw(request):
            return self._opener.closed_connection(request.flow, now)
        return self._opener.open_passively(request.flow, request.syn, now)

    def refuse(self, request: ConnectionRequested, reason: UnreachableReason | None) -> None:
        """Answer a held SYN with a RST or an ICMP error."""
        if not self._withdraw(request):
            return
        flow, syn = request.flow, request.syn
        if reason is None:
            self._opener.reset_stray(flow, syn)
            return
        ours, theirs = flow.local_address, flow.remote_address
        packet = IpPacket(theirs, ours, TCP, syn.encode(theirs, ours))
        self._send_unreachable(reason, ours, theirs, packet.encode())

    def forget_peer(self, address: bytes) -> None:
        """Withdraw the requests of a remote address."""
        for request in list(self._requests.values()):
            if request.flow.remote_address == address:
                self._give_up(request)

    def _give_up(self, request: ConnectionRequested) -> None:
        """The peer no longer wants an answer, or has waited for one too long."""
        if self._withdraw(request) and request.on_given_up is not None:
            request.on_given_up()

    def _withdraw(self, request: ConnectionRequested) -> bool:
        """Take a request off the books; gives whether it still waited."""
        was_pending, request.is_pending = request.is_pending, False
        if self._requests.get(request.flow) is request:
            del self._requests[request.flow]
            request.listener.handshakes.discard(request.flow)
        return was_pending

    def syn_arrives(self, flow: Flow, segment: TcpSegment, is_local: bool, now: float) -> bool:
        """A SYN came for no connection; gives whether a listener takes care of it."""
        request = self._requests.get(flow)
        if request is not None:
            if request.syn.sequence == segment.sequence:
                return True  # the same one again: its answer is still being decided on
            self._give_up(request)
        listener = self._find(flow, is_local)
        if listener is None:
            return False
        if not listener.has_room:
            self._expire_requests(listener, now)
            if not listener.has_room:
                # Like a lost packet: the peer tries again, when there may be room.
                return True
        segment.payload = b""
        listener.handshakes.add(flow)
        if listener.hold:
            request = self._requests[flow] = ConnectionRequested(self, listener, flow, segment, now)
            listener.add_request(request)
        else:
            self._accepting[flow] = (listener, self._opener.open_passively(flow, segment, now))
        return True

    def other_arrives(self, flow: Flow, segment: TcpSegment) -> bool:
        """A segment that is no SYN came for no connection; gives whether it is about a held SYN."""
        request = self._requests.get(flow)
        if request is None:
            return False
        if segment.flags & RST and segment.sequence == wrap(request.syn.sequence + 1):
            self._give_up(request)
        return True

    def _find(self, flow: Flow, is_local: bool) -> TcpListener | None:
        address, port = flow.local_address, flow.local_port
        for key in ((address, port), (None, port), (address, None), (None, None)):
            listener = self._listeners.get(key)
            if listener is not None and (is_local or listener.promiscuous):
                return listener
        return None

    def _expire_requests(self, listener: TcpListener, now: float) -> None:
        for request in list(self._requests.values()):
            if request.requested_at + self._request_lifetime_s > now:
                break
            if request.listener is listener:
                self._give_up(request)

    def handshake_ended(self, flow: Flow, is_established: bool) -> None:
        """A connection has left SYN_RECEIVED."""
        waiting = self._accepting.pop(flow, None)
        if waiting is None:
            return
        listener, connection = waiting
        listener.handshakes.discard(flow)
        if is_established:
            listener.add_established(connection)
