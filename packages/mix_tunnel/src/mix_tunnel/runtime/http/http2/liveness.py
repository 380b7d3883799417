"""Whether the other end is still there: PING after a silence, and the connection's end when nothing comes back.

An exit forgets silent flows without a word, so a kept connection may lead nowhere. Whatever arrives is a sign of life.
All times are seconds of presence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ...presence import PresentTimer, present_clock

QUIET_S = 30.0
"""Silence after which a connection that somebody waits for has to show that it lives."""
ANSWER_S = 60.0
"""How long the answer may take: the tunnel itself may be reconnecting meanwhile."""


class Liveness:
    """Watches one connection.

    busy -- whether anybody waits for the connection; an idle one may be silent
    ask -- sends a PING
    dead -- is called once, when there was no answer
    """

    def __init__(
        self,
        busy: Callable[[], bool],
        ask: Callable[[], None],
        dead: Callable[[], None],
        *,
        quiet_s: float = QUIET_S,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._clock = present_clock()
        self._busy = busy
        self._ask = ask
        self._dead = dead
        self._quiet_s = quiet_s
        self._answer_s = answer_s
        self._heard_at = self._clock.time()
        self._asked_at: float | None = None
        self._timer: PresentTimer | None = None
        self._answered = asyncio.Event()

    def heard(self) -> None:
        """Something arrived."""
        self._heard_at = self._clock.time()
        if self._asked_at is not None:
            self._asked_at = None
            self._answered.set()
            self._rearm()

    def watch(self) -> bool:
        """Begin to watch, since somebody waits from now on; returns whether the connection is in doubt.

        After a long silence the question leaves at once, together with what the caller is about to send.
        """
        doubtful = self._asked_at is not None or self._silence >= self._quiet_s
        if doubtful and self._asked_at is None:
            self._question()
        if self._timer is None:
            self._rearm()
        return doubtful

    async def answer(self) -> None:
        """Wait for a sign of life, or for `stop`."""
        await self._answered.wait()

    def stop(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._asked_at = None
        self._answered.set()

    @property
    def _silence(self) -> float:
        return self._clock.time() - self._heard_at

    @property
    def _patience(self) -> float:
        """Seconds until something has to be done."""
        if self._asked_at is not None:
            return self._asked_at + self._answer_s - self._clock.time()
        return self._quiet_s - self._silence

    def _question(self) -> None:
        self._asked_at = self._clock.time()
        self._answered.clear()
        self._rearm()
        self._ask()

    def _rearm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._clock.call_later(self._patience, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if not self._busy():
            return
        if self._patience > 0:
            self._rearm()
        elif self._asked_at is None:
            self._question()
        else:
            self._dead()
