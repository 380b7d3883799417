"""How much may be in flight: CUBIC (RFC 9438), with proportional rate reduction during recovery (RFC 6937)."""

from __future__ import annotations

import enum
from dataclasses import dataclass

_C = 0.4
_BETA = 0.7
_ALPHA = 3 * (1 - _BETA) / (1 + _BETA)
_LEAST_WINDOW_SEGMENTS = 2


class Recovery(enum.Enum):
    """What a sender makes of its path (RFC 5681, RFC 6675)."""

    OPEN = "open"
    FAST_RECOVERY = "fast_recovery"
    LOSS = "loss"


@dataclass(slots=True)
class _Undo:
    """What the window was before a reduction that may turn out to be needless."""

    cwnd: int
    ssthresh: int
    w_max: float


class Cubic:
    """The congestion window in bytes.

    cwnd -- may be in flight
    ssthresh -- below it the window doubles each round trip
    """

    def __init__(self, mss: int, initial_window_segments: int) -> None:
        self.mss = mss
        # RFC 6928 section 2, in segments; a smaller MSS never makes the window larger.
        self.initial_window = initial_window_segments * mss
        self.cwnd = self.initial_window
        self.ssthresh = 1 << 62
        self._w_max = 0.0  # segments
        self._epoch_start: float | None = None
        self._k = 0.0
        self._w_est = 0.0  # segments
        self._undo: _Undo | None = None
        # Proportional rate reduction, while it lasts.
        self._prr_delivered = 0
        self._prr_out = 0
        self._recover_flight_size = 0

    @property
    def in_slow_start(self) -> bool:
        """Whether the window still doubles."""
        return self.cwnd < self.ssthresh

    def on_delivered(self, delivered: int, now: float, srtt_s: float) -> None:
        """Grow: `delivered` bytes have arrived while the window was the limit, and nothing is being recovered."""
        if self.in_slow_start:
            # RFC 9406-style caution is not needed: L is 2 segments at most (RFC 5681 section 3.1, RFC 3465).
            room = self.ssthresh - self.cwnd
            used = min(delivered, room)
            self.cwnd += used
            delivered -= used
            if delivered <= 0:
                return
        segments = self.cwnd / self.mss
        if self._epoch_start is None:
            self._begin_epoch(now, segments)
        assert self._epoch_start is not None
        elapsed = now - self._epoch_start + srtt_s
        target = self._w_max + _C * (elapsed - self._k) ** 3
        target = min(max(target, segments), 1.5 * segments)
        acked_segments = delivered / self.mss
        alpha = 1.0 if self._w_est >= self._w_max else _ALPHA
        self._w_est += alpha * acked_segments / segments
        grown = max(segments + (target - segments) / segments * acked_segments, self._w_est)
        self.cwnd = max(self.cwnd, int(grown * self.mss))

    def _begin_epoch(self, now: float, segments: float) -> None:
        self._epoch_start = now
        self._w_est = segments
        if segments < self._w_max:
            self._k = ((self._w_max - segments) / _C) ** (1 / 3)
        else:
            self._k = 0.0
            self._w_max = segments

    def on_loss(self, in_flight: int, outstanding: int) -> None:
        """Enter fast recovery: one reduction for all losses of this flight of `outstanding` bytes."""
        self._remember()
        self._reduce()
        self._prr_delivered = 0
        self._prr_out = 0
        self._recover_flight_size = max(in_flight, outstanding, self.mss)

    def on_recovery_ack(self, delivered: int, in_flight: int, advanced_safely: bool) -> None:
        """Set the window during fast recovery (RFC 6937 section 3, with its slow-start reduction bound)."""
        self._prr_delivered += delivered
        if in_flight > self.ssthresh:
            allowed = -(-self._prr_delivered * self.ssthresh // self._recover_flight_size) - self._prr_out
        else:
            limit = max(self._prr_delivered - self._prr_out, delivered)
            if advanced_safely:
                limit += self.mss
            allowed = min(self.ssthresh - in_flight, limit)
        # The first retransmission goes out at once.
        if self._prr_out == 0:
            allowed = max(allowed, self.mss)
        self.cwnd = in_flight + max(0, allowed)

    def on_recovery_sent(self, count: int) -> None:
        """Count bytes that left during fast recovery."""
        self._prr_out += count

    def on_recovered(self) -> None:
        """Leave fast recovery."""
        self.cwnd = max(self.ssthresh, self.mss)

    def on_timeout(self, first: bool) -> None:
        """The retransmission timer expired; `first` for the first time since data last got through."""
        if first:
            self._remember()
            self._reduce()
        self.cwnd = self.mss

    def on_idle(self) -> None:
        """Nothing was sent for a time-out: what the window knew is stale (RFC 5681 section 4.1)."""
        self.cwnd = min(self.cwnd, self.initial_window)
        self._epoch_start = None

    def undo(self) -> None:
        """The last reduction was needless: every retransmission was of data that had arrived (RFC 3708)."""
        if self._undo is None:
            return
        self.cwnd = max(self.cwnd, self._undo.cwnd)
        self.ssthresh = max(self.ssthresh, self._undo.ssthresh)
        self._w_max = self._undo.w_max
        self._epoch_start = None
        self._undo = None

    def on_smaller_mss(self, mss: int) -> None:
        """The path carries less than was thought (RFC 1191)."""
        self.mss = mss

    def _remember(self) -> None:
        self._undo = _Undo(self.cwnd, self.ssthresh, self._w_max)

    def _reduce(self) -> None:
        segments = self.cwnd / self.mss
        # Fast convergence: a flow that shrinks makes room for others (RFC 9438 section 4.7).
        self._w_max = segments * (1 + _BETA) / 2 if segments < self._w_max else segments
        self._epoch_start = None
        self.ssthresh = max(int(self.cwnd * _BETA), _LEAST_WINDOW_SEGMENTS * self.mss)
