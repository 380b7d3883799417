"""The sending half of a connection: what may leave now, and what an acknowledgment means."""

from __future__ import annotations

from mix_protocol.netstack.tcp.config import TcpConfig
from mix_protocol.netstack.tcp.congestion import Cubic, Recovery
from mix_protocol.netstack.tcp.rack import Rack
from mix_protocol.netstack.tcp.retransmission_queue import RetransmissionQueue, SentSegment
from mix_protocol.netstack.tcp.rtt import RttEstimator
from mix_protocol.netstack.tcp.sack import read_sack_blocks
from mix_protocol.netstack.tcp.send_buffer import SendBuffer
from mix_protocol.netstack.tcp.send_window import SendWindow
from mix_protocol.netstack.tcp.sender_timers import SenderTimers
from mix_protocol.netstack.wire.tcp import SackBlock

_DUPLICATE_ACK_THRESHOLD = 3


class Sender:
    """SND.UNA, SND.NXT and what hangs on them. Sequence numbers are unwrapped.

    Made before the handshake, so that the application can write at once; `begin` gives it the peer's parameters.
    """

    def __init__(self, iss: int, config: TcpConfig) -> None:
        self._config = config
        self.snd_una = iss + 1
        self.snd_nxt = iss + 1
        self.window = SendWindow(iss + 1)
        self.buffer = SendBuffer(iss + 1, config.send_buffer_bytes)
        self.queue = RetransmissionQueue()
        self.rtt = RttEstimator(config.initial_rto_s, config.minimum_rto_s, config.maximum_rto_s)
        self.rack = Rack(self.rtt)
        self.mss = 536
        self.congestion = Cubic(self.mss, config.initial_window_segments)
        self.timers = SenderTimers(self)
        self.recovery = Recovery.OPEN
        self.fin_queued = False
        self.sack_permitted = False
        self.retransmitted_segments = 0
        self.sent_segments = 0
        self._recovery_point = 0
        self._reduction_point = 0
        self._is_cwnd_limited = False
        self._duplicate_acks = 0
        self._last_sent_at = 0.0
        # Where the retransmissions of the latest recovery began that no report of a duplicate has shown to be needless.
        self._suspects: set[int] = set()

    def begin(self, mss: int, sack_permitted: bool) -> None:
        """The handshake is done: segments may be this long."""
        self.mss = mss
        self.sack_permitted = sack_permitted
        self.congestion = Cubic(mss, self._config.initial_window_segments)

    @property
    def unsent(self) -> int:
        """Bytes of the stream that have never left; a FIN not counted."""
        return max(0, self.buffer.end - self.snd_nxt)

    @property
    def usable_window(self) -> int:
        """How many more sequence numbers the peer takes; negative after it has shrunk its window."""
        return self.window.edge - self.snd_nxt

    @property
    def fin_acked(self) -> bool:
        """Whether the peer has acknowledged our FIN, and so everything."""
        return self.fin_queued and self.snd_una > self.buffer.end

    @property
    def has_outstanding(self) -> bool:
        """Whether anything that left is unacknowledged."""
        return bool(self.queue)

    @property
    def wants_to_send(self) -> bool:
        """Whether there is something that has never left: bytes or a FIN."""
        return self.snd_nxt < self.buffer.end or (self.fin_queued and self.snd_nxt == self.buffer.end)

    @property
    def in_flight(self) -> int:
        """Bytes thought to be on their way (pipe)."""
        flight = self.queue.in_flight
        if not self.sack_permitted:
            # Each duplicate acknowledgment says that one more segment has left the network.
            flight = max(0, flight - self._duplicate_acks * self.mss)
        return flight

    # What an acknowledgment means.

    def update_window(self, window: int, sequence: int, ack: int) -> bool:
        """Take the window (scaled) from a segment unless it is old news; gives whether its edge has moved."""
        moved = self.window.update(window, sequence, ack)
        if moved:
            self.timers.on_window_update()
        return moved

    def on_ack(
        self, ack: int, sack_blocks: tuple[SackBlock, ...], is_bare: bool, window_changed: bool, now: float
    ) -> int:
        """Take in an acknowledgment, at most snd_nxt; gives how many sequence numbers it newly acknowledges.

        is_bare -- its segment carries nothing else, so it may be a duplicate in the sense of RFC 5681
        """
        queue = self.queue
        flight_before = self.in_flight
        previous_una = self.snd_una
        if not self.sack_permitted:
            sack_blocks = ()  # not agreed on, and so meaningless (RFC 2018 section 2)
        sacks, duplicate = read_sack_blocks(sack_blocks, ack, self.snd_una, self.snd_nxt)
        if duplicate is not None:
            self._on_duplicate_reported(*duplicate)
        delivered: list[SentSegment] = []
        advanced = ack - previous_una
        if advanced > 0:
            self.snd_una = ack
            self.buffer.discard_below(ack)
            delivered = queue.acknowledge(ack)
            self._duplicate_acks = 0
        for start, end in sacks:
            delivered += queue.sack(start, end)
        delivered_bytes = max(0, flight_before - self.in_flight)
        if delivered:
            self._sample_rtt(delivered, now)
            for segment in delivered:
                self.rack.on_delivered(segment, now)
            delivered_bytes = max(delivered_bytes, sum(len(segment) for segment in delivered))
        elif advanced <= 0 and is_bare and ack == previous_una and queue and not window_changed and not sacks:
            self._duplicate_acks += 1
        if delivered or advanced > 0:
            self.timers.on_progress(now)
        self.timers.on_tail_probe_answered(ack, duplicate is not None)
        if queue.was_misjudged:
            queue.was_misjudged = False
            self._on_misjudged(delivered, now)
        lost = self._detect_losses(now)
        self._advance_recovery(advanced, delivered_bytes, flight_before, lost, now)
        self.timers.rearm(now)
        return max(0, advanced)

    def _on_misjudged(self, delivered: list[SentSegment], now: float) -> None:
        """Something arrives that was thought lost and had not left again: the path takes longer than was thought.

        After a time-out this means that nothing was lost at all (RFC 5682). Otherwise the rest is judged anew.
        """
        self.rack.on_misjudged([segment for segment in delivered if segment.transmissions == 1], now)
        self.queue.reprieve_lost()
        if self.recovery is Recovery.LOSS or not self._suspects:
            self.congestion.undo()
            self.recovery = Recovery.OPEN

    def _sample_rtt(self, delivered: list[SentSegment], now: float) -> None:
        # Karn: only what left once. With SACK each segment is told of soon after it arrives, so the oldest of them says
        # how long a round trip may take, delayed acknowledgments included; the latest would always be the luckiest one.
        # Without SACK those below may just have waited for a hole to close.
        departures = [segment.sent_at for segment in delivered if segment.transmissions == 1]
        sent_at = (min if self.sack_permitted else max)(departures, default=None)
        if sent_at is not None:
            self.rtt.sample(now - sent_at, now)

    def _on_duplicate_reported(self, start: int, end: int) -> None:
        if self.timers.is_tail_probe(start, end):
            self.rack.on_dsack(self.snd_una, self.snd_nxt)
            return
        # What was sent once and arrived twice, the network has duplicated: that says nothing about us.
        needless = [suspect for suspect in self._suspects if start <= suspect < end]
        if not needless:
            return
        self.rack.on_dsack(self.snd_una, self.snd_nxt)
        self._suspects.difference_update(needless)
        if not self._suspects:
            self.congestion.undo()
            self.queue.reprieve_lost()
            self.recovery = Recovery.OPEN

    def _detect_losses(self, now: float) -> bool:
        """Whether anything was newly found lost."""
        if self.sack_permitted:
            lost, again_at = self.rack.detect_losses(self.queue, now)
            self.timers.reorder_at = again_at
            return bool(lost)
        first = self.queue.first if self.queue else None
        if first is None or first.lost or first.transmissions > 1 or first.is_held:
            return False
        partial = self.recovery is not Recovery.OPEN and first.end <= self._recovery_point and not self._duplicate_acks
        if partial or self._duplicate_acks == _DUPLICATE_ACK_THRESHOLD:
            # NewReno (RFC 6582): three duplicates, or a partial acknowledgment, condemn the first segment.
            self.queue.mark_lost(first)
            return True
        return False

    def _advance_recovery(self, advanced: int, delivered: int, flight_before: int, lost: bool, now: float) -> None:
        congestion = self.congestion
        if self.recovery is not Recovery.OPEN and self.snd_una >= self._recovery_point:
            if self.recovery is Recovery.FAST_RECOVERY:
                congestion.on_recovered()
            self.recovery = Recovery.OPEN
            self.rack.on_recovered()
        if lost:
            self._enter_recovery()
        if self.recovery is Recovery.FAST_RECOVERY:
            congestion.on_recovery_ack(delivered, self.in_flight, advanced > 0 and not lost)
        elif delivered > 0 and (
            self._is_cwnd_limited or (congestion.in_slow_start and congestion.cwnd < 2 * flight_before)
        ):
            congestion.on_delivered(delivered, now, self.rtt.srtt_s or self._config.initial_rto_s)

    def _enter_recovery(self) -> None:
        if self.recovery is not Recovery.OPEN:
            return
        self.recovery = Recovery.FAST_RECOVERY
        self._recovery_point = self.snd_nxt
        self._suspects.clear()
        self.congestion.on_loss(self.in_flight, self.snd_nxt - self.snd_una)

    # What may leave.

    def next_segment(self, now: float, option_length: int) -> SentSegment | None:
        """The next segment to leave, recorded as sent; None while nothing may.

        option_length -- bytes of TCP options that will travel on new data (MSS does not count them: RFC 6691)
        """
        segment = self._next_lost(now)
        if segment is None:
            segment = self._next_new(now, option_length)
        if segment is None:
            self.timers.rearm(now)
            return None
        self._last_sent_at = now
        self.sent_segments += 1
        if self.recovery is Recovery.FAST_RECOVERY:
            self.congestion.on_recovery_sent(len(segment))
        self.timers.on_sent(now)
        return segment

    def _next_lost(self, now: float) -> SentSegment | None:
        segment = self.queue.first_lost()
        if segment is None and self.timers.probe_with_old and self.queue:
            # The peer may have told meanwhile that it holds all of it.
            segment = next((each for each in (self.queue.last, self.queue.first) if not each.sacked), None)
            if segment is None:
                self.timers.cancel_tail_probe()
        if segment is None:
            return None
        forced = self.timers.take_forced()
        in_flight = self.in_flight
        if not forced and in_flight and in_flight + len(segment) > self.congestion.cwnd:
            self._is_cwnd_limited = True
            return None
        if len(segment) > self.mss and segment.lost:
            self.queue.split(segment, segment.start + self.mss)
        was_lost = segment.lost
        self.queue.resent(segment, now)
        self.retransmitted_segments += 1
        if was_lost:
            self._suspects.add(segment.start)
        return segment

    def _next_new(self, now: float, option_length: int) -> SentSegment | None:
        if not self.wants_to_send or self.queue.first_lost() is not None:
            if not self.wants_to_send:
                self._is_cwnd_limited = False
            return None
        unsent = self.unsent
        usable = self.usable_window
        length = min(unsent, self.mss - option_length, usable)
        has_fin = self.fin_queued and length == unsent and usable > length
        if length <= 0 and not has_fin:
            self._is_cwnd_limited = False
            return None
        if not self.timers.window_override and not self.window.is_worth_using(length, unsent, self.mss - option_length):
            return None
        if self._config.nagle and self.queue and length < self.mss - option_length and not self.fin_queued:
            return None
        in_flight = self.in_flight
        if in_flight and in_flight + length > self.congestion.cwnd and not self.timers.probe_with_new:
            self._is_cwnd_limited = True
            return None
        self.timers.take_forced()
        if not self.queue and now - self._last_sent_at > self.rtt.rto_s:
            self.congestion.on_idle()
        start = self.snd_nxt
        self.snd_nxt = start + length + has_fin
        return self.queue.sent(start, self.snd_nxt, has_fin, now)

    def deferred_until(self, now: float) -> float | None:
        """Until when the retransmission timer has to wait for the link below; None if it is not to wait."""
        first = self.queue.first
        if not first.is_vouched_for:
            return None
        until = (now if first.is_held else first.waiting_since) + self.rtt.rto_s
        return until if until > now else None

    def on_timeout(self, now: float) -> None:
        """The retransmission timer expired (RFC 6298 section 5, RFC 8985 section 6.3)."""
        queue = self.queue
        if queue.first.sacked:
            queue.forget_sacks()
        overdue = [segment for segment in queue.by_time if segment is queue.first or self.rack.is_overdue(segment, now)]
        for segment in overdue:
            queue.mark_lost(segment)
        self._duplicate_acks = 0
        is_first = self.recovery is not Recovery.LOSS or self.snd_una >= self._reduction_point
        self.congestion.on_timeout(is_first)
        if is_first:
            self._suspects.clear()
        self.recovery = Recovery.LOSS
        self._recovery_point = self._reduction_point = self.snd_nxt
        self.rtt.back_off()

    def on_reorder_timeout(self, now: float) -> None:
        """Segments that were late have become lost."""
        if self._detect_losses(now):
            self._enter_recovery()
            if self.recovery is Recovery.FAST_RECOVERY:
                self.congestion.on_recovery_ack(0, self.in_flight, False)

    def on_tail_loss_repaired(self) -> None:
        """A tail loss probe has repaired a loss of which nothing else tells (RFC 8985 section 7.4.2)."""
        if self.recovery is Recovery.OPEN:
            self.congestion.on_loss(self.in_flight, self.snd_nxt - self.snd_una)
            self.congestion.on_recovered()
            self._suspects.clear()

    def on_smaller_mss(self, mss: int) -> None:
        """The path's MTU is less than was thought: what is too long must leave again, cut up."""
        if mss >= self.mss:
            return
        self.mss = mss
        self.congestion.on_smaller_mss(mss)
        too_long = [segment for segment in self.queue.by_time if segment.data_end - segment.start > mss]
        for segment in too_long:
            self.queue.mark_lost(segment)

    def clear(self) -> None:
        """Forget everything that was to be sent."""
        self.buffer.clear()
        self.queue.clear()
        self.timers.clear()
