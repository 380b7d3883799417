"""The retransmission timer's estimate of the round trip (RFC 6298)."""

from __future__ import annotations

_ALPHA = 1 / 8
_BETA = 1 / 4
_K = 4
CLOCK_GRANULARITY_S = 0.001
_MIN_RTT_WINDOW_S = 60.0


class RttEstimator:
    """Smoothed round trip, its variation, and the time-out made of them. All in seconds.

    Feed it only segments that were sent once (Karn's algorithm); the caller knows which. What was backed off stays so
    until the next of them: a path that is slower than the time-out would never be learned otherwise.

    srtt_s -- None before the first sample
    is_unsure -- something was repeated for want of an answer, and nothing has been measured since
    min_rtt_s -- the least sample of the last one to two minutes
    """

    __slots__ = (
        "_backoff",
        "_maximum",
        "_min_before",
        "_min_now",
        "_minimum",
        "_rotate_at",
        "_rto",
        "is_unsure",
        "rttvar_s",
        "srtt_s",
    )

    def __init__(self, initial_rto_s: float, minimum_rto_s: float, maximum_rto_s: float) -> None:
        self._rto = initial_rto_s
        self._minimum = minimum_rto_s
        self._maximum = maximum_rto_s
        self._backoff = 1
        self.is_unsure = False
        self.srtt_s: float | None = None
        self.rttvar_s = 0.0
        # Two half-windows make a windowed minimum without a list of samples.
        self._min_now = float("inf")
        self._min_before = float("inf")
        self._rotate_at = float("-inf")

    @property
    def min_rtt_s(self) -> float:
        """Infinite before the first sample."""
        return min(self._min_now, self._min_before)

    @property
    def rto_s(self) -> float:
        """The time-out, backed off."""
        return min(self._rto * self._backoff, self._maximum)

    def sample(self, rtt_s: float, now: float) -> None:
        """Take in one measurement; it also ends any backing off."""
        if self.srtt_s is None:
            self.srtt_s = rtt_s
            self.rttvar_s = rtt_s / 2
        else:
            self.rttvar_s += _BETA * (abs(self.srtt_s - rtt_s) - self.rttvar_s)
            self.srtt_s += _ALPHA * (rtt_s - self.srtt_s)
        self._rto = max(self._minimum, self.srtt_s + max(CLOCK_GRANULARITY_S, _K * self.rttvar_s))
        self._backoff = 1
        self.is_unsure = False
        if now >= self._rotate_at:
            self._min_before, self._min_now = self._min_now, rtt_s
            self._rotate_at = now + _MIN_RTT_WINDOW_S
        else:
            self._min_now = min(self._min_now, rtt_s)

    def back_off(self) -> None:
        """Double the time-out: the timer has expired (section 5.5)."""
        self.is_unsure = True
        if self._rto * self._backoff < self._maximum:
            self._backoff *= 2
