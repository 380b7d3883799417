"""Loss detection by time (RACK, RFC 8985 section 6): a segment is lost when one sent later arrived long enough ago."""

from __future__ import annotations

from mix_protocol.netstack.tcp.retransmission_queue import RetransmissionQueue, SentSegment
from mix_protocol.netstack.tcp.rtt import CLOCK_GRANULARITY_S, RttEstimator

_DSACK_PERSISTENCE = 16
_DELAY_VARIATIONS = 4


class Rack:
    """Counts time instead of duplicate acknowledgments, so that reordering alone makes nothing look lost.

    RFC 8985 starts with no tolerance and learns it. A mixnet delays each packet by its own draw, so here tolerance is
    there from the start: the reordering window is a quarter of the least round trip or four times the round trip's
    variation, whichever is more. It grows with each round in which the peer reports a needless retransmission (DSACK).
    It is bounded by one smoothed round trip, as the RFC advises, and by two once the peer has reported any: the delays
    of a few mix nodes on a short path have a tail that is longer than their mean.

    What the link below has and repeats by itself is not lost, nor is anything that left after it; once the link has
    delivered it, time counts from then.
    """

    __slots__ = ("_dsack_round", "_end", "_multiplier", "_persist", "_rtt", "_sent_at", "rtt_s")

    def __init__(self, rtt: RttEstimator) -> None:
        self._rtt = rtt
        # Of the segment that left last among those that have arrived.
        self._sent_at = float("-inf")
        self._end = 0
        self.rtt_s = 0.0
        self._multiplier = 1
        self._persist = _DSACK_PERSISTENCE
        self._dsack_round: int | None = None

    @property
    def reordering_window_s(self) -> float:
        """How much later than a segment sent after it a segment may arrive before it counts as lost."""
        srtt_s = self._rtt.srtt_s
        if srtt_s is None:
            return 0.0
        steps = self._multiplier
        window = max(steps * self._rtt.min_rtt_s / 4, (_DELAY_VARIATIONS - 1 + steps) * self._rtt.rttvar_s)
        return min(window, srtt_s if steps == 1 else 2 * srtt_s)

    @property
    def _patience_s(self) -> float:
        """How long after its departure a segment counts as lost.

        RFC 8985 adds the reordering window to the latest round trip. Where each packet's delay is drawn anew that one
        is no better a guess than any other: the smoothed one is, unless the latest is longer.
        """
        return max(self.rtt_s, self._rtt.srtt_s or 0.0) + max(self.reordering_window_s, CLOCK_GRANULARITY_S)

    def on_delivered(self, segment: SentSegment, now: float) -> None:
        """A segment arrived (section 6.2 step 2)."""
        rtt_s = now - segment.sent_at
        if segment.transmissions > 1 and rtt_s < self._rtt.min_rtt_s:
            # The acknowledgment is of an earlier transmission.
            return
        self.rtt_s = rtt_s
        if (segment.sent_at, segment.end) > (self._sent_at, self._end):
            self._sent_at, self._end = segment.sent_at, segment.end

    def on_dsack(self, snd_una: int, snd_nxt: int) -> None:
        """The peer reports a needless retransmission (section 6.2 step 4); one per round trip counts."""
        if self._dsack_round is None or snd_una >= self._dsack_round:
            self._dsack_round = snd_nxt
            self._multiplier += 1
            self._persist = _DSACK_PERSISTENCE

    def on_misjudged(self, delivered: list[SentSegment], now: float) -> None:
        """What had been thought lost arrived: these, which left once. An acknowledgment of a repeat before was of the
        original as well, so it says nothing about what left meanwhile."""
        latest = max(delivered, key=lambda segment: (segment.sent_at, segment.end))
        self._sent_at, self._end = latest.sent_at, latest.end
        self.rtt_s = now - latest.sent_at

    def on_recovered(self) -> None:
        """A recovery ended; after 16 without needless retransmissions the window shrinks back."""
        self._persist -= 1
        if self._persist <= 0:
            self._multiplier = 1
            self._persist = _DSACK_PERSISTENCE

    def detect_losses(self, queue: RetransmissionQueue, now: float) -> tuple[list[SentSegment], float | None]:
        """Mark what is lost; gives that, and when to look again if segments are late but not yet lost."""
        lost: list[SentSegment] = []
        again_at = None
        patience_s = self._patience_s
        for segment in queue.by_time:
            if (segment.sent_at, segment.end) >= (self._sent_at, self._end):
                break
            if segment.is_held:
                again_at = now + patience_s
                break
            due = segment.waiting_since + patience_s
            if due > now:
                again_at = due
                break
            lost.append(segment)
        for segment in lost:
            queue.mark_lost(segment)
        return lost, again_at

    def is_overdue(self, segment: SentSegment, now: float) -> bool:
        """Whether a segment has been out for longer than a round trip and the reordering window (section 6.3)."""
        return not segment.is_held and segment.waiting_since + self._patience_s <= now
