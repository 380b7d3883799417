"""The receiving half of a connection: the window, reassembly, and when to acknowledge."""

from __future__ import annotations

from mix_protocol.netstack.tcp.assembler import Assembler
from mix_protocol.netstack.tcp.config import TcpConfig
from mix_protocol.netstack.tcp.sack import SackReporter
from mix_protocol.netstack.wire.tcp import SackBlock

_LEAST_SEGMENT = 536


class Receiver:
    """RCV.NXT, RCV.WND and what hangs on them. Sequence numbers are unwrapped.

    ack_now -- an acknowledgment must leave as soon as possible
    ack_at -- one must leave by then, in monotonic seconds
    fin_received -- the peer's FIN has come in its place: the stream is complete
    """

    def __init__(self, irs: int, config: TcpConfig) -> None:
        self._config = config
        self._assembler = Assembler(irs + 1)
        self._sacks = SackReporter()
        self._capacity = config.receive_buffer_bytes
        # The right edge that the peer knows. It never moves left (RFC 9293 section 3.8.6).
        self._edge = irs + 1 + min(self._capacity, 0xFFFF)
        self._fin_at: int | None = None
        self._unacknowledged = 0
        self._largest_payload = _LEAST_SEGMENT
        self.sack_permitted = False
        self.ack_now = False
        self.ack_at: float | None = None
        self.fin_received = False

    def limit_window(self, limit: int) -> None:
        """The peer cannot be told of more than this."""
        self._capacity = min(self._capacity, limit)

    @property
    def rcv_nxt(self) -> int:
        """The next sequence number that is expected."""
        return self._assembler.next + self.fin_received

    @property
    def readable(self) -> int:
        """How many bytes the application can read."""
        return self._assembler.readable

    @property
    def has_holes(self) -> bool:
        """Whether something has arrived before what goes in front of it."""
        return bool(self._assembler.islands)

    @property
    def window(self) -> int:
        """How many sequence numbers from rcv_nxt on the peer may send (RCV.WND)."""
        return self._edge - self.rcv_nxt

    def is_acceptable(self, sequence: int, length: int) -> bool:
        """Whether a segment overlaps the window (RFC 9293 section 3.10.7.4, table 6)."""
        start = self.rcv_nxt
        edge = self._edge
        if length == 0:
            # At the very edge too: a bare acknowledgment may overtake the data that fills the window.
            return start <= sequence <= edge
        return sequence < edge and sequence + length > start

    def receive(self, sequence: int, payload: bytes | memoryview, now: float) -> bool:
        """Take in an acceptable segment's payload; gives whether new bytes became readable."""
        if self._fin_at is not None and sequence + len(payload) > self._fin_at:
            payload = payload[: max(0, self._fin_at - sequence)]
        overhang = sequence + len(payload) - self._edge
        if overhang > 0:
            payload = payload[: len(payload) - overhang]
        length = len(payload)
        if length == 0:
            self.ack_now = True
            return False
        before = self._assembler.next
        had_holes = self.has_holes
        if not self._assembler.insert(sequence, payload):
            self.note_duplicate(sequence, length)
            return False
        if sequence > before:
            self._sacks.on_island(sequence)
        self._largest_payload = max(self._largest_payload, length)
        self._schedule_ack(length, had_holes or self.has_holes, now)
        if self._fin_at is not None:
            self._check_fin()
        return self._assembler.next > before

    def note_duplicate(self, sequence: int, length: int) -> None:
        """A segment came that is already here: tell the peer at once (RFC 2883)."""
        if length and self.sack_permitted:
            self._sacks.on_duplicate(sequence, sequence + length)
        self.ack_now = True

    def receive_fin(self, sequence: int) -> None:
        """The peer's FIN has the number `sequence`; it counts once everything before it is here."""
        if self._fin_at is None and self._assembler.next <= sequence <= self._edge:
            islands_end = self._assembler.islands.highest()
            if islands_end is None or islands_end <= sequence:
                self._fin_at = sequence
                self._check_fin()
        self.ack_now = True

    def _check_fin(self) -> None:
        if self._assembler.next == self._fin_at and not self.fin_received:
            self.fin_received = True
            self.ack_now = True

    def _schedule_ack(self, length: int, holes: bool, now: float) -> None:
        self._unacknowledged += length
        delay_s = self._config.reordering_ack_delay_s if holes else self._config.delayed_ack_s
        if delay_s <= 0 or self._unacknowledged >= 2 * self._largest_payload:
            self.ack_now = True
        elif self.ack_at is None or now + delay_s < self.ack_at:
            self.ack_at = now + delay_s

    def read(self, count: int) -> bytes:
        """Up to `count` bytes for the application; says so to the peer when the window was small."""
        data = self._assembler.read(count)
        if data and not self.fin_received:
            window = self.window
            wider = self._assembler.start + self._capacity - self.rcv_nxt
            if wider >= 2 * window and wider - window >= min(self._capacity // 2, self._largest_payload):
                self.ack_now = True
        return data

    def acknowledge(self, scale: int) -> int:
        """The window field for a segment that leaves now and carries rcv_nxt; the peer is then up to date."""
        wider = self._assembler.start + self._capacity - self._edge
        # Open it by whole segments only (RFC 9293 section 3.8.6.2.2: no silly window).
        if wider >= min(self._capacity // 2, self._largest_payload):
            self._edge += wider
        self.ack_now = False
        self.ack_at = None
        self._unacknowledged = 0
        return min(self.window >> scale, 0xFFFF)

    def sack_blocks(self, limit: int) -> tuple[SackBlock, ...]:
        """The SACK option of an acknowledgment that leaves now, of at most `limit` blocks."""
        if not self.wants_sack:
            return ()
        blocks = self._sacks.blocks(self._assembler.islands, limit)
        # Much may have arrived since the last acknowledgment: what this one has no room for, the next one tells.
        self.ack_now = self._sacks.has_unreported
        return blocks

    @property
    def wants_sack(self) -> bool:
        """Whether an acknowledgment would carry a SACK option."""
        return self.sack_permitted and (bool(self._assembler.islands) or self._sacks.has_duplicate)

    def discard(self) -> None:
        """Drop what is buffered: nobody will read it."""
        self._assembler.clear()
