"""Passive opens: SYNs that wait for a decision, handshakes under way, and connections that wait to be taken."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from mix_protocol.netstack.endpoint import Endpoint
from mix_protocol.netstack.tcp.connection import TcpConnection
from mix_protocol.netstack.tcp.control_block import Flow
from mix_protocol.netstack.wire.icmp import UnreachableReason
from mix_protocol.netstack.wire.tcp import TcpSegment

if TYPE_CHECKING:
    from mix_protocol.netstack.tcp.passive_opens import PassiveOpens


class ConnectionRequested:
    """A SYN that a holding listener has received and not answered. Answer it by `accept` or `refuse`, once.

    local -- where the peer wants to connect to; of a promiscuous listener it may be any address and port
    remote -- the peer
    is_pending -- no answer was given yet, and the peer has not given up
    on_given_up -- called without arguments when the peer gives up before there is an answer. It must only take note:
        the stack is in the middle of its work
    """

    def __init__(self, opens: PassiveOpens, listener: TcpListener, flow: Flow, syn: TcpSegment, now: float) -> None:
        self._opens = opens
        self.listener = listener
        self.flow = flow
        self.syn = syn
        self.requested_at = now
        self.is_pending = True
        self.on_given_up: Callable[[], None] | None = None
        self.local = Endpoint.unpack(flow.local_address, flow.local_port)
        self.remote = Endpoint.unpack(flow.remote_address, flow.remote_port)

    def accept(self, now: float) -> TcpConnection:
        """Answer with SYN and ACK. The connection can be written to at once.

        If the peer has given up meanwhile, it is CLOSED already, with an error.
        """
        return self._opens.accept(self, now)

    def refuse(self, now: float, reason: UnreachableReason | None = None) -> None:
        """Answer with a RST, or with the ICMP error for `reason`; the peer fails at once."""
        self._opens.refuse(self, reason)


class TcpListener:
    """Takes connections to an address and port. Made by a stack's `listen_tcp`.

    on_event -- called without arguments after `next_event` or `accept` got something to give
    """

    def __init__(
        self, opens: PassiveOpens, address: bytes | None, port: int | None, backlog: int, promiscuous: bool, hold: bool
    ) -> None:
        self._opens = opens
        self.address = address
        self.port = port
        self.backlog = backlog
        self.promiscuous = promiscuous
        self.hold = hold
        self.on_event: Callable[[], None] | None = None
        self.handshakes: set[Flow] = set()
        self._requests: deque[ConnectionRequested] = deque()
        self._established: deque[TcpConnection] = deque()

    def next_event(self) -> ConnectionRequested | None:
        """The oldest SYN that waits for a decision; only of a listener made with `hold`."""
        while self._requests:
            request = self._requests.popleft()
            if request.is_pending:
                return request
        return None

    def accept(self) -> TcpConnection | None:
        """The oldest established connection that nobody has taken; only of a listener made without `hold`."""
        return self._established.popleft() if self._established else None

    def close(self) -> None:
        """Take no more; requests without an answer, and connections that nobody has taken, are reset."""
        self._opens.close(self, self._established)
        self._established.clear()
        self._requests.clear()

    @property
    def has_room(self) -> bool:
        """Whether another SYN may be taken in: the memory that strangers can claim is bounded."""
        return len(self.handshakes) + len(self._established) < self.backlog

    def add_request(self, request: ConnectionRequested) -> None:
        """A SYN waits for a decision."""
        self._requests.append(request)
        if self.on_event is not None:
            self.on_event()

    def add_established(self, connection: TcpConnection) -> None:
        """A handshake is done."""
        self._established.append(connection)
        if self.on_event is not None:
            self.on_event()
