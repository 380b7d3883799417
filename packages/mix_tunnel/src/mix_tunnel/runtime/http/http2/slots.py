"""Places for streams: as many as the server allows, given out in the order of asking."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from mix_protocol.errors import MixError


class StreamSlots:
    """Counts the open streams of one connection."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._refusal: Callable[[], MixError] | None = None

    async def take(self) -> None:
        """Wait for a place; raises what `refuse` was given."""
        if self._refusal is not None:
            raise self._refusal()
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._serve()
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self.free()
            elif future in self._waiting:  # behind a busy server nobody else would take it out
                self._waiting.remove(future)
            raise

    def free(self) -> None:
        """Give a place back."""
        self._taken -= 1
        self._serve()

    def set_limit(self, limit: int) -> None:
        """Follow the server's settings; streams above a lowered limit go on."""
        self.limit = limit
        self._serve()

    def refuse(self, refusal: Callable[[], MixError]) -> None:
        """Turn away everyone who waits, and all who come."""
        self._refusal = refusal
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_exception(refusal())

    def _serve(self) -> None:
        while self._waiting and self._taken < self.limit:
            future = self._waiting.popleft()
            if not future.done():
                self._taken += 1
                future.set_result(None)
