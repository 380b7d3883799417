"""TCP's part of a stack: which segment belongs to which connection, and which connection has something to do."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.delivery import Delivery
from mix_protocol.errors import MixError
from mix_protocol.netstack.errors import (
    AddressInUse,
    ConnectionAborted,
    ConnectionCrashed,
    ConnectionReset,
    Unreachable,
)
from mix_protocol.netstack.ports import PortAllocator
from mix_protocol.netstack.tcp import arrival, departure, timeouts
from mix_protocol.netstack.tcp.config import TcpConfig
from mix_protocol.netstack.tcp.connection import TcpConnection
from mix_protocol.netstack.tcp.control_block import ControlBlock, Flow
from mix_protocol.netstack.tcp.deadlines import Deadlines
from mix_protocol.netstack.tcp.listener import TcpListener
from mix_protocol.netstack.tcp.passive_opens import PassiveOpens, SendUnreachable
from mix_protocol.netstack.tcp.sequence import unwrap
from mix_protocol.netstack.tcp.state import TcpState
from mix_protocol.netstack.wire.icmp import UnreachableReason
from mix_protocol.netstack.wire.ip import IpPacket, is_unicast
from mix_protocol.netstack.wire.tcp import ACK, HEADER_LENGTH, RST, SYN, TcpSegment, decode_tcp

_ISN_TICKS_PER_SECOND = 250_000
_LEAST_PATH_MTU = 576
_BURST_SEGMENTS = 8
_MOST_STRAY_RESETS = 64

EmitSegment = Callable[[bytes, bytes, bytes, Delivery | None], None]


class TcpLayer:
    """All connections and listeners of a stack.

    send_unreachable -- sends an ICMP error: reason, from, to, the quoted packet
    report_crash -- told of exceptions that nobody expected, each of which has ended one connection
    on_output -- called when an application's call has given a connection something to send
    """

    def __init__(
        self,
        random: RandomBytes,
        config: TcpConfig,
        mtu_bytes: int,
        send_unreachable: SendUnreachable,
        report_crash: Callable[[Exception], None],
    ) -> None:
        self._config = config
        self._report_crash = report_crash
        self._mtu_bytes = mtu_bytes
        self._isn_key = random(16)
        self.ports = PortAllocator(random)
        self.path_round_trip_s = 0.0
        self.on_output: Callable[[], None] | None = None
        self._blocks: dict[Flow, ControlBlock] = {}
        self._passive = PassiveOpens(self, self.ports, send_unreachable, config.connect_timeout_s)
        self._dirty: dict[ControlBlock, None] = {}
        self._deadlines: Deadlines[ControlBlock] = Deadlines()
        self._stray_resets: list[tuple[bytes, bytes, TcpSegment]] = []

    def __len__(self) -> int:
        return len(self._blocks)

    # Opening.

    def connect(
        self, flow: Flow, now: float, config: TcpConfig | None = None, connect_timeout_s: float | None = None
    ) -> TcpConnection:
        """Active open; the flow must be free."""
        if flow in self._blocks:
            raise AddressInUse()
        config = self._on_this_path(config or self._config)
        block = self._new_block(flow, now, config)
        block.open(TcpState.SYN_SENT, now, connect_timeout_s or config.connect_timeout_s)
        return self._start(block)

    def listen(
        self, address: bytes | None, port: int | None, backlog: int, promiscuous: bool, hold: bool
    ) -> TcpListener:
        """Passive open; None stands for any address or port."""
        return self._passive.listen(address, port, backlog, promiscuous, hold)

    def open_passively(self, flow: Flow, syn: TcpSegment, now: float) -> TcpConnection:
        """Answer a SYN with SYN and ACK."""
        if flow in self._blocks:
            return self.closed_connection(flow, now)
        block = self._new_block(flow, now, self._on_this_path(self._config))
        block.is_passive = True
        block.learn_peer(syn)
        block.open(TcpState.SYN_RECEIVED, now, self._config.connect_timeout_s)
        return self._start(block)

    def closed_connection(self, flow: Flow, now: float) -> TcpConnection:
        """A connection that has been reset already, for an owner who comes too late."""
        block = self._new_block(flow, now, self._config)
        block.fail(ConnectionReset())
        return TcpConnection(block, self._request_output)

    def _on_this_path(self, config: TcpConfig) -> TcpConfig:
        """Wait for the first answer twice as long as a round trip is known to take, if that is longer."""
        wait_s = min(2.0 * self.path_round_trip_s, config.maximum_rto_s)
        return replace(config, initial_rto_s=wait_s) if wait_s > config.initial_rto_s else config

    def _new_block(self, flow: Flow, now: float, config: TcpConfig) -> ControlBlock:
        headers = (40 if len(flow.local_address) == 16 else 20) + HEADER_LENGTH
        return ControlBlock(flow, self._initial_sequence_number(flow, now), self._mtu_bytes - headers, config)

    def _initial_sequence_number(self, flow: Flow, now: float) -> int:
        """A clock plus a secret of the flow (RFC 6528): unguessable, yet rising for each flow."""
        text = b"%b%d/%b%d" % (flow.local_address, flow.local_port, flow.remote_address, flow.remote_port)
        secret = hashlib.blake2s(text, key=self._isn_key, digest_size=4).digest()
        return (int(now * _ISN_TICKS_PER_SECOND) + int.from_bytes(secret, "big")) % (1 << 32)

    def _start(self, block: ControlBlock) -> TcpConnection:
        self._blocks[block.flow] = block
        self._dirty[block] = None
        if not block.is_passive:
            self.ports.claim(block.flow.local_port)
        connection = TcpConnection(block, self._request_output)
        self._tell_output()
        return connection

    # Segments.

    def receive(self, packet: IpPacket, is_local: bool, now: float) -> None:
        """Take in an IP packet whose payload is TCP. Raises MalformedPacket."""
        segment = decode_tcp(packet.payload, packet.source, packet.destination)
        flow = Flow(packet.destination, segment.destination_port, packet.source, segment.source_port)
        block = self._blocks.get(flow)
        if block is not None and self._is_over(block, segment):
            self._forget(block)
            block = None
        if block is not None:
            with self._isolated(block):
                self._arrives(block, segment, now)
            return
        self._receive_stray(flow, segment, is_local, now)

    def _arrives(self, block: ControlBlock, segment: TcpSegment, now: float) -> None:
        state_before = block.state
        self._dirty[block] = None
        arrival.segment_arrives(block, segment, now)
        if state_before is TcpState.SYN_RECEIVED and block.state is not state_before:
            self._passive.handshake_ended(block.flow, block.state is not TcpState.CLOSED)
        block.notify()

    @contextmanager
    def _isolated(self, block: ControlBlock) -> Iterator[None]:
        """Let an exception that nobody expected end the connection which it is about, and no other."""
        try:
            yield
        except Exception as error:
            self._dirty[block] = None
            block.reset(ConnectionCrashed(cause=type(error).__name__))
            self._report_crash(error)
            try:
                block.notify()
            except Exception as second:
                self._report_crash(second)

    @staticmethod
    def _is_over(block: ControlBlock, segment: TcpSegment) -> bool:
        """Whether a connection is closed, or in TIME_WAIT and a SYN begins its flow anew (RFC 9293 section 3.6.1)."""
        if block.state is TcpState.CLOSED:
            return not block.resets
        if block.state is not TcpState.TIME_WAIT or segment.flags & (SYN | ACK | RST) != SYN:
            return False
        return unwrap(segment.sequence, block.receiver.rcv_nxt) > block.receiver.rcv_nxt

    def _receive_stray(self, flow: Flow, segment: TcpSegment, is_local: bool, now: float) -> None:
        if not (is_unicast(flow.remote_address) and is_unicast(flow.local_address)):
            # RFC 9293 section 3.9.2.3: TCP is between two hosts.
            return
        if segment.flags & (SYN | ACK | RST) == SYN:
            is_taken = self._passive.syn_arrives(flow, segment, is_local, now)
        else:
            is_taken = self._passive.other_arrives(flow, segment)
        if not is_taken and (is_local or self._passive.is_promiscuous):
            self.reset_stray(flow, segment)

    def reset_stray(self, flow: Flow, segment: TcpSegment) -> None:
        """Answer a segment of no connection with a RST; a flood of them makes no flood of resets."""
        reset = arrival.reset_for(segment)
        if reset is not None and len(self._stray_resets) < _MOST_STRAY_RESETS:
            self._stray_resets.append((flow.local_address, flow.remote_address, reset))
            self._tell_output()

    def receive_error(self, flow: Flow, sequence: int, reason: UnreachableReason, mtu_bytes: int) -> None:
        """An ICMP error quotes a segment of ours; one whose number is not outstanding is forged or stale (RFC 5927)."""
        block = self._blocks.get(flow)
        if block is None:
            return
        with self._isolated(block):
            self._error_arrives(block, sequence, reason, mtu_bytes)

    def _error_arrives(self, block: ControlBlock, sequence: int, reason: UnreachableReason, mtu_bytes: int) -> None:
        flow, sender = block.flow, block.sender
        if not sender.snd_una - block.is_handshaking <= unwrap(sequence, sender.snd_nxt) <= sender.snd_nxt:
            return
        if reason is UnreachableReason.PACKET_TOO_BIG:
            headers = (40 if len(flow.local_address) == 16 else 20) + HEADER_LENGTH
            sender.on_smaller_mss(max(mtu_bytes, _LEAST_PATH_MTU) - headers)
        elif block.state is TcpState.SYN_SENT:
            block.fail(Unreachable(reason.value))
        else:
            # Soft in an established connection: remembered, in case it times out (RFC 5461).
            block.unreachable = Unreachable(reason.value)
        self._dirty[block] = None
        block.notify()

    # Output and time.

    def _request_output(self, block: ControlBlock) -> None:
        if self._blocks.get(block.flow) is block:
            self._dirty[block] = None
            block.notify()
        self._tell_output()

    def _tell_output(self) -> None:
        if self.on_output is not None:
            self.on_output()

    @property
    def has_output(self) -> bool:
        """Whether `segments_to_send` may have something."""
        return bool(self._dirty or self._stray_resets)

    def send(self, now: float, limit: int, emit: EmitSegment) -> None:
        """Give out up to `limit` segments, connections in turns."""
        while self._stray_resets and limit > 0:
            source, destination, reset = self._stray_resets.pop()
            emit(source, destination, reset.encode(source, destination), None)
            limit -= 1
        while self._dirty and limit > 0:
            block = next(iter(self._dirty))
            del self._dirty[block]
            with self._isolated(block):
                limit -= self._send_of(block, now, min(_BURST_SEGMENTS, limit), emit)
                block.notify()

    def _send_of(self, block: ControlBlock, now: float, limit: int, emit: EmitSegment) -> int:
        """One connection's turn; gives how many segments left."""
        flow = block.flow
        for count in range(limit):
            segment = departure.next_segment(block, now)
            if segment is None:
                self._settle(block, now)
                return count
            payload = segment.encode_with_sum(block.pseudo_sum)
            emit(flow.local_address, flow.remote_address, payload, block.departing)
        self._dirty[block] = None
        return limit

    def _settle(self, block: ControlBlock, now: float) -> None:
        if block.state is TcpState.CLOSED:
            self._forget(block)
            return
        timeouts.arm(block, now)
        self._deadlines.schedule(block, timeouts.next_timeout(block))

    def _schedule_dirty(self) -> None:
        """Connections that have not been asked for output since something happened to them have deadlines too."""
        for block in self._dirty:
            self._deadlines.schedule(block, timeouts.next_timeout(block))

    def _forget(self, block: ControlBlock) -> None:
        if self._blocks.get(block.flow) is block:
            del self._blocks[block.flow]
            if not block.is_passive:
                self.ports.release(block.flow.local_port)
        self._deadlines.forget(block)
        self._dirty.pop(block, None)
        self._passive.handshake_ended(block.flow, False)

    def next_timeout(self) -> float | None:
        """The earliest deadline of all connections; it may turn out to be one that has moved on."""
        self._schedule_dirty()
        return self._deadlines.earliest()

    def handle_timeout(self, now: float) -> None:
        """Let every connection whose deadline has come act on it."""
        self._schedule_dirty()
        while (block := self._deadlines.take_due(now)) is not None:
            self._dirty[block] = None
            with self._isolated(block):
                timeouts.handle_timeout(block, now)
                block.notify()

    def abort_all(self, error: MixError | None = None) -> None:
        """End every connection without a word to its peer, with this error."""
        self._abort(list(self._blocks.values()), error or ConnectionAborted())

    def forget_peer(self, address: bytes) -> None:
        """End everything that has to do with a remote address, without a word to it: somebody else may have it soon."""
        self._passive.forget_peer(address)
        self._stray_resets = [stray for stray in self._stray_resets if stray[1] != address]
        theirs = [block for flow, block in self._blocks.items() if flow.remote_address == address]
        self._abort(theirs, ConnectionAborted())

    def _abort(self, blocks: Iterable[ControlBlock], error: MixError) -> None:
        for block in blocks:
            block.fail(error)
            self._forget(block)
            with self._isolated(block):
                block.notify()
