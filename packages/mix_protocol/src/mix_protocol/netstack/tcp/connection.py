"""A TCP connection as an application sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mix_protocol.errors import MixError
from mix_protocol.netstack.endpoint import Endpoint
from mix_protocol.netstack.errors import ConnectionAborted, ConnectionClosed
from mix_protocol.netstack.tcp.control_block import ControlBlock
from mix_protocol.netstack.tcp.sequence import wrap
from mix_protocol.netstack.tcp.state import SENDING_STATES, TcpState
from mix_protocol.netstack.wire.tcp import RST, TcpSegment


@dataclass(frozen=True, slots=True)
class TcpStatistics:
    """What a connection measures of its path. Times in seconds, sizes in bytes."""

    srtt_s: float | None
    rto_s: float
    cwnd_bytes: int
    in_flight_bytes: int
    sent_segments: int
    retransmitted_segments: int


class TcpConnection:
    """A byte stream each way. Made by a stack's `connect_tcp` or by a listener.

    Nothing here takes the time: calls only change what the stack will give out at its next `packets_to_send(now)`,
    and the stack's `on_output` tells that there may be something.

    on_event -- called without arguments after bytes became readable, space became free, or the state changed
    """

    def __init__(self, block: ControlBlock, request_output: Callable[[ControlBlock], None]) -> None:
        self._block = block
        self._request_output = request_output
        self.on_event: Callable[[], None] | None = None
        block.on_change = self._notify

    def _notify(self) -> None:
        if self.on_event is not None:
            self.on_event()

    @property
    def state(self) -> TcpState:
        """The state's name in RFC 9293."""
        return self._block.state

    @property
    def local(self) -> Endpoint:
        """Our address and port."""
        flow = self._block.flow
        return Endpoint.unpack(flow.local_address, flow.local_port)

    @property
    def remote(self) -> Endpoint:
        """The peer's address and port."""
        flow = self._block.flow
        return Endpoint.unpack(flow.remote_address, flow.remote_port)

    @property
    def is_established(self) -> bool:
        """Whether the handshake is done; stays true until the connection is closed for good."""
        return self._block.state not in (TcpState.CLOSED, TcpState.SYN_SENT, TcpState.SYN_RECEIVED)

    @property
    def error(self) -> MixError | None:
        """Why the connection ended before its time; None while it lives and after an orderly end."""
        return self._block.error

    # Sending.

    @property
    def send_capacity(self) -> int:
        """How many bytes `send` would take now."""
        if self._block.state not in SENDING_STATES or self._block.sender.fin_queued:
            return 0
        return self._block.sender.buffer.free

    @property
    def unacknowledged(self) -> int:
        """Bytes handed over that the peer has not acknowledged."""
        return len(self._block.sender.buffer)

    def send(self, data: bytes | bytearray | memoryview) -> int:
        """Hand over bytes, also before the handshake is done; gives how many were taken, maybe fewer than given.

        Raises the connection's `error` when it has one, ConnectionClosed after `close`.
        """
        block = self._block
        if block.error is not None:
            raise block.error
        if block.sender.fin_queued or block.state not in SENDING_STATES:
            raise ConnectionClosed()
        taken = block.sender.buffer.append(data)
        if taken:
            self._request_output(block)
        return taken

    def close(self) -> None:
        """Send what is buffered, then a FIN. The other direction stays open; closing twice is fine."""
        block = self._block
        if block.sender.fin_queued or block.state not in SENDING_STATES:
            return
        # RFC 9293 section 3.10.4 lets a CLOSE in SYN_SENT drop everything. What was sent before it was meant to arrive.
        block.sender.fin_queued = True
        if block.state is TcpState.ESTABLISHED:
            block.state = TcpState.FIN_WAIT_1
        elif block.state is TcpState.CLOSE_WAIT:
            block.state = TcpState.LAST_ACK
        self._request_output(block)

    def detach(self) -> None:
        """Nobody will read any more: close, and answer data that comes after this with a RST.

        The stack sees the connection through its end alone; unread bytes already here reset it at once
        (RFC 1122 section 4.2.2.13).
        """
        block = self._block
        self.on_event = None
        if block.state is TcpState.CLOSED:
            return
        is_unused = block.state is TcpState.SYN_SENT and not len(block.sender.buffer)
        if block.receiver.readable or is_unused:
            self.abort()
            return
        block.input_discarded = True
        self.close()
        self._request_output(block)

    def abort(self) -> None:
        """End at once with a RST; what is buffered is lost."""
        block = self._block
        if block.state is TcpState.CLOSED:
            return
        block.receiver.discard()
        if block.state is TcpState.SYN_SENT:
            # RFC 9293 section 3.10.5 leaves without a word. A gateway that is still trying to reach the destination for
            # us would go on with it for as long as that takes; a RST for our SYN ends that.
            flow = block.flow
            block.resets.append(TcpSegment(flow.local_port, flow.remote_port, wrap(block.sender.snd_nxt), 0, RST, 0))
            block.fail(ConnectionAborted())
        elif block.state is TcpState.TIME_WAIT:
            block.fail(ConnectionAborted())
        else:
            block.reset(ConnectionAborted())
        self._request_output(block)

    # Receiving.

    @property
    def receivable(self) -> int:
        """How many bytes `receive` can give now."""
        return self._block.receiver.readable

    @property
    def at_eof(self) -> bool:
        """Whether no byte will come any more: the peer has closed or the connection is over, and all has been read."""
        block = self._block
        if block.receiver.readable:
            return False
        return block.receiver.fin_received or block.state is TcpState.CLOSED

    def receive(self, max_bytes: int = 65536) -> bytes:
        """Take up to `max_bytes` of what has arrived; b"" when nothing has (see `at_eof` and `error`)."""
        data = self._block.receiver.read(max_bytes)
        if data and self._block.receiver.ack_now:
            self._request_output(self._block)
        return data

    # Looking at it.

    @property
    def keep_alive_idle_s(self) -> float | None:
        """Silence in seconds before the first keep-alive probe; None for no probes. May be set at any time."""
        return self._block.keep_alive.idle_s

    @keep_alive_idle_s.setter
    def keep_alive_idle_s(self, idle_s: float | None) -> None:
        block = self._block
        block.keep_alive.idle_s = idle_s
        if self.is_established:
            block.keep_alive.on_heard(block.last_heard_at)
        self._request_output(block)

    @property
    def statistics(self) -> TcpStatistics:
        """What the connection has measured so far."""
        sender = self._block.sender
        return TcpStatistics(
            sender.rtt.srtt_s,
            sender.rtt.rto_s,
            sender.congestion.cwnd,
            sender.in_flight,
            sender.sent_segments,
            sender.retransmitted_segments,
        )
