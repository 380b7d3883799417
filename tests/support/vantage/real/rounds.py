"""What a client does when: idling and each kind of work by turns, so that other work on the machine falls on all."""

from __future__ import annotations

import math
from typing import NamedTuple

from support.vantage.activities import BUSY

SETTLING_S = 3.0
"""Time that is not looked at after each change, so that every activity has become what it is; and after the last one,
so that what is on its way arrives."""
ROUND_S = 20.0


class Round(NamedTuple):
    """When something was done, in seconds since 1970."""

    activity: str
    began: float
    ended: float


def plan(seconds: float) -> list[str]:
    """Rounds of `ROUND_S` for so many seconds of each kind of work, and idling between any two of them."""
    names: list[str] = []
    for number in range(math.ceil(seconds / ROUND_S)):
        # The order goes round, so that none always follows the same.
        for step in range(len(BUSY)):
            names += ["idle", BUSY[(number + step) % len(BUSY)]]
    return names
