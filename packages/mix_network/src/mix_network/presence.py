"""A node's clock for judging who is silent: it stands still while this process does, or lags behind what comes."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from functools import cached_property

from mix_protocol.presence import BEAT_S, Presence

_PASSES = 2
"""Turns of the event loop in which sockets are read: what had come is in this process then."""
_MOST_BEATS = 30


@dataclass(frozen=True, slots=True)
class _Beat:
    """Counts `seconds` once so much has been taken."""

    target: int
    seconds: float


class PresentTime:
    """Seconds in which this process ran and had taken what came (`mix_protocol.presence`), by the event loop."""

    def __init__(self) -> None:
        self._come = self._taken = 0
        self._beats: deque[_Beat] = deque()
        self._handle: asyncio.Handle | None = None

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    @cached_property
    def _presence(self) -> Presence:
        return Presence(self._loop.time())

    @property
    def absent_s(self) -> float:
        """Seconds that have not counted so far."""
        return self._presence.absent_s(self._loop.time())

    def now(self) -> float:
        """Seconds of presence."""
        return self._loop.time() - self.absent_s

    def start(self) -> None:
        """Let it go on."""
        self._presence.skip(self._loop.time())
        self._arm()

    def close(self) -> None:
        """Let it stand still."""
        if self._handle is not None:
            self._handle.cancel()

    def come(self) -> None:
        """Note that something has come."""
        self._come += 1

    def taken(self, count: int) -> None:
        """Note that so much of it has been taken."""
        self._taken += count
        self._grant()

    def _arm(self) -> None:
        self._handle = self._loop.call_later(BEAT_S, self._beat)

    def _beat(self) -> None:
        self._look(self._presence.beat(self._loop.time()), _PASSES)

    def _look(self, seconds: float, passes: int) -> None:
        if passes:
            self._handle = self._loop.call_soon(self._look, seconds, passes - 1)
            return
        if len(self._beats) < _MOST_BEATS:
            self._beats.append(_Beat(self._come, seconds))
        self._grant()
        self._arm()

    def _grant(self) -> None:
        while self._beats and self._beats[0].target <= self._taken:
            self._presence.grant(self._beats.popleft().seconds, self._loop.time())
