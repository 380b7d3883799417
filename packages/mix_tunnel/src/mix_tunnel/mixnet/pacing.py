"""When packets leave: random deadlines, and how far apart they are while the connection is congested.

Nym spec: traffic shaping. The deadlines form a Poisson process, so the moments at which packets leave tell nothing
about when there was something to send.
"""

from __future__ import annotations

from mix_protocol.crypto.randomness import RandomBytes, exponential

MAX_BURST = 8
"""Deadlines honoured at once; those missed beyond (a sleeping laptop, a throttled tab) are skipped."""

MIN_MULTIPLIER = 1
MAX_MULTIPLIER = 6
CHANNEL_SLOTS = 32
"""Packets that may wait for the connection; when all are taken it is congested."""
PRESSURE_SLOTS = 10
"""Waiting packets from which on the connection counts as under pressure."""
STARVED_LAG_S = 0.3
"""A process that gets to run so late has more to do than it has time; cover traffic must not be what it does."""
MAX_STRETCH = 32.0
STRETCH_LESS = 0.8
SLOW_DOWN_AFTER_S = 1.0
SPEED_UP_AFTER_S = 2.0


class PoissonStream:
    """The deadlines of one stream of packets.

    mean_s -- mean time between two of them
    """

    def __init__(self, random: RandomBytes, mean_s: float, now: float) -> None:
        self._random = random
        self._mean_s = mean_s
        self.deadline = now + exponential(random, mean_s)

    def take_due(self, now: float, multiplier: float = 1.0) -> int:
        """Count the deadlines that have come by `now` and draw the next one, their mean stretched by `multiplier`."""
        due = 0
        while self.deadline <= now:
            if due == MAX_BURST:
                self.restart(now, multiplier)
                break
            due += 1
            self.deadline += exponential(self._random, self._mean_s * multiplier)
        return due

    def restart(self, now: float, multiplier: float = 1.0) -> None:
        """Forget missed deadlines and draw a new one from `now` on."""
        self.deadline = now + exponential(self._random, self._mean_s * multiplier)


class DelayMultiplier:
    """Stretches the main stream's mean, in whole steps from 1 to 6, while the connection can't keep up.

    stretch -- and that of both streams by this, from 1 to 32, while this process can't
    """

    def __init__(self, now: float) -> None:
        self.stretch = 1.0
        self._was_late = False
        self.value = MIN_MULTIPLIER
        self._changed_at = now
        self._pressed_at = now

    def note_lag(self, lag_s: float) -> None:
        """Learn, about once a second, how late this process gets to run. Once is a hiccup, which shall not show."""
        is_late = lag_s > STARVED_LAG_S
        if is_late and self._was_late:
            self.stretch = min(2.0 * self.stretch, MAX_STRETCH)
        elif lag_s < STARVED_LAG_S / 2:
            self.stretch = max(STRETCH_LESS * self.stretch, 1.0)
        self._was_late = is_late

    def note_waiting(self, waiting: int, now: float) -> None:
        """Learn how many packets wait for the connection."""
        if waiting > PRESSURE_SLOTS:
            self._pressed_at = now
        if waiting >= CHANNEL_SLOTS:
            if now - self._changed_at >= SLOW_DOWN_AFTER_S and self.value < MAX_MULTIPLIER:
                self._change(+1, now)
        elif (
            self.value > MIN_MULTIPLIER
            and now - self._pressed_at >= SPEED_UP_AFTER_S
            and now - self._changed_at >= SPEED_UP_AFTER_S
        ):
            self._change(-1, now)

    def _change(self, step: int, now: float) -> None:
        self.value += step
        self._changed_at = now
