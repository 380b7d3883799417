"""Time in which a process was there: what passed while it stood still is not others' silence. No clock of its own.

A process may be stopped, a tab throttled, a machine asleep or so busy that its turns come late; then what others sent
waits, and to take the time that has passed for their silence would be a mistake. So whoever judges silence reads this
clock. It goes on only in small allowances, each granted by a `tick` that says: this process runs, and has taken what
had come. Without a tick it stands still, and nothing that was missed is made up for.
"""

from __future__ import annotations

TICK_S = 1.0
"""How often `tick` should be called. Browsers let the timers of a hidden page run once a second."""
_ALLOWANCE_S = 1.5
"""How much may pass until the next tick: some lateness is everybody's."""


class Presence:
    """Seconds of presence. They begin as those of the clock that `now` is read from, and fall behind it."""

    def __init__(self, now: float) -> None:
        self._absent_s = 0.0
        self._granted = now + _ALLOWANCE_S

    def time(self, now: float) -> float:
        """Seconds of presence at this moment."""
        return now - self.absent_s(now)

    def absent_s(self, now: float) -> float:
        """Seconds that have not counted so far."""
        self._absent_s = max(self._absent_s, now - self._granted)
        return self._absent_s

    def tick(self, now: float) -> None:
        """This process runs, and has taken what had come until now."""
        self._granted = self.time(now) + _ALLOWANCE_S

    def skip(self, now: float) -> None:
        """Count all that has passed, for nobody has ticked and nobody has looked."""
        self._granted = max(self._granted, now - self._absent_s + _ALLOWANCE_S)
