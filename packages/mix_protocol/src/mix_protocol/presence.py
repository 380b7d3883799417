"""Time in which a process was there: what passed while it stood still is not others' silence. No clock of its own.

A process may be stopped, a tab throttled, a machine asleep or so busy that its turns come late; then what others sent
waits, and to take the time that has passed for their silence would be a mistake. So whoever judges silence reads this
clock. It goes on only in small allowances, which follow beats. A beat says that this process runs; it counts as soon as
all has been taken that had come by then. So the clock lags as far behind as the taking does, and what was missed is not
made up for.
"""

from __future__ import annotations

BEAT_S = 1.0
"""How often `beat` should be called. Browsers let the timers of a hidden page run once a second."""
ALLOWANCE_S = 1.5
"""How much one beat is good for at most: some lateness is everybody's."""


class Presence:
    """Seconds of presence. They begin as those of the clock that `now` is read from, and fall behind it."""

    def __init__(self, now: float) -> None:
        self._absent_s = 0.0
        self._granted = now + ALLOWANCE_S
        self._beat_at = now

    def time(self, now: float) -> float:
        """Seconds of presence at this moment."""
        return now - self.absent_s(now)

    def absent_s(self, now: float) -> float:
        """Seconds that have not counted so far."""
        self._absent_s = max(self._absent_s, now - self._granted)
        return self._absent_s

    def beat(self, now: float) -> float:
        """This process runs. Gives seconds, to be granted when all has been taken that has come until now."""
        passed_s, self._beat_at = now - self._beat_at, now
        return min(passed_s, ALLOWANCE_S)

    def grant(self, seconds: float, now: float) -> None:
        """What had come at the beat that gave these seconds has been taken."""
        self._granted = min(self._granted + seconds, self.time(now) + ALLOWANCE_S)

    def skip(self, now: float) -> None:
        """Count all that has passed, for nobody has let it beat and nobody has looked."""
        self._beat_at = now
        self._granted = max(self._granted, now - self._absent_s + ALLOWANCE_S)
