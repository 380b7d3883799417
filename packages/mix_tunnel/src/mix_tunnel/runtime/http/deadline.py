"""The limit on everything together: redirects, head, and the body's last byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from .errors import TotalTimedOut


class Deadline:
    """An instant that a whole fetch must not pass; `seconds` from now, or never when that is None."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._when = None if seconds is None else self._loop.time() + seconds

    @property
    def error(self) -> TotalTimedOut:
        """What passing it is."""
        return TotalTimedOut(seconds=self._seconds)

    @asynccontextmanager
    async def limit(self) -> AsyncIterator[None]:
        """Interrupt what runs inside when the instant comes, and raise `TotalTimedOut` then."""
        if self._when is None:
            yield
            return
        try:
            async with asyncio.timeout_at(self._when) as scope:
                yield
        except TimeoutError as error:
            if scope.expired():
                raise self.error from error
            raise

    def call(self, callback: Callable[[], None]) -> asyncio.TimerHandle | None:
        """Call back when the instant comes, if there is one."""
        return None if self._when is None else self._loop.call_at(self._when, callback)
