"""From when on a server is late with the next part of its answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mix_protocol.errors import NetworkFailure

from .errors import IdleTimedOut, ResponseTimedOut


class AnswerClock:
    """Limits one wait after the other, while the request's body may still be on its way.

    The head is owed from the instant on at which the request is sent to its end: a long upload, or a caller whose body
    pauses, is not the server's fault. Of the answer's body the next piece is owed since anything moved, either way.
    """

    def __init__(self) -> None:
        self._sending = False
        self._scope: asyncio.Timeout | None = None
        self._limit_s: float | None = None
        self._is_head = False

    @asynccontextmanager
    async def head(self, limit_s: float | None) -> AsyncIterator[None]:
        """Limit the wait for the answer's head; raises `ResponseTimedOut`."""
        async with self._limit(limit_s, ResponseTimedOut, is_head=True):
            yield

    @asynccontextmanager
    async def body(self, limit_s: float | None) -> AsyncIterator[None]:
        """Limit the wait for the next piece of its body; raises `IdleTimedOut`."""
        async with self._limit(limit_s, IdleTimedOut, is_head=False):
            yield

    def sending(self) -> None:
        """The request's body begins to leave."""
        self._sending = True

    def moved(self) -> None:
        """The connection has taken a piece of it."""
        if not self._is_head:
            self._restart()

    def sent(self) -> None:
        """It has left to its end, or as far as it ever will."""
        self._sending = False
        self._restart()

    @asynccontextmanager
    async def _limit(
        self, limit_s: float | None, timed_out: type[NetworkFailure], *, is_head: bool
    ) -> AsyncIterator[None]:
        self._limit_s, self._is_head = limit_s, is_head
        try:
            async with asyncio.timeout(None) as scope:
                self._scope = scope
                if not (is_head and self._sending):
                    self._restart()
                yield
        except TimeoutError as passed:
            if scope.expired():
                raise timed_out(seconds=limit_s) from passed
            raise
        finally:
            self._scope = None

    def _restart(self) -> None:
        scope = self._scope
        if scope is not None and self._limit_s is not None and not scope.expired():
            scope.reschedule(asyncio.get_running_loop().time() + self._limit_s)
