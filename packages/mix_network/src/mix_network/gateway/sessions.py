"""How many clients a gateway had, day by day (UTC). Numbers alone: neither who they were nor how long they stayed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

DAY_S: Final = 24 * 3600
_MAX_CLIENTS: Final = 100_000


@dataclass(frozen=True, slots=True)
class SessionCounts:
    """A day's sessions.

    clients -- how many clients had any
    """

    started: int = 0
    finished: int = 0
    clients: int = 0


class SessionStatistics:
    """Counts sessions of this day, and knows those of the day before.

    wall_clock -- seconds since 1970
    """

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        self._wall_clock = wall_clock
        self._day = self._today()
        self._started = self._finished = 0
        self._clients: set[bytes] = set()
        self._yesterday = SessionCounts()

    def started(self, identity: bytes) -> None:
        """A client has authenticated."""
        self._turn()
        self._started += 1
        if len(self._clients) < _MAX_CLIENTS:
            self._clients.add(identity)

    def finished(self) -> None:
        """A client that had authenticated is gone."""
        self._turn()
        self._finished += 1

    def day_before(self) -> tuple[int, SessionCounts]:
        """When this day began, in seconds since 1970, and what was counted on the one before."""
        self._turn()
        return self._day * DAY_S, self._yesterday

    def _turn(self) -> None:
        day = self._today()
        if day == self._day:
            return
        counted = SessionCounts(self._started, self._finished, len(self._clients))
        self._yesterday = counted if day == self._day + 1 else SessionCounts()
        self._day = day
        self._started = self._finished = 0
        self._clients.clear()

    def _today(self) -> int:
        return int(self._wall_clock() // DAY_S)
