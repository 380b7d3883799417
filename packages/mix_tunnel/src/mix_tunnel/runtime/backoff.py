"""How long to wait before the next attempt, so that nobody is stormed."""

from __future__ import annotations

from mix_protocol.crypto.randomness import RandomBytes, uniform

FIRST_S = 0.25
BASE_S = 0.5
CAP_S = 30.0


class Backoff:
    """Pauses that double from half a second to half a minute, each shortened at random by up to a half.

    The very first one is at most a quarter of a second: enough to spread the clients of a node that was restarted.
    """

    def __init__(self, random: RandomBytes) -> None:
        self._random = random
        self.attempts = 0

    def next_pause_s(self) -> float:
        """Draw the pause before the next attempt."""
        attempts, self.attempts = self.attempts, self.attempts + 1
        if not attempts:
            return FIRST_S * uniform(self._random)
        longest_s = min(CAP_S, BASE_S * 2.0 ** min(attempts - 1, 16))
        return longest_s * (1.0 + uniform(self._random)) / 2.0

    def reset(self) -> None:
        """Begin anew, since what was attempted has worked for a while."""
        self.attempts = 0
