"""A few slots for many clients, given to those first who have none."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import AsyncIterator, Hashable


class Turns:
    """Lets so many in at a time, and of one client no more than its share; of those who wait, the client with the
    fewest inside is next.

    slots -- for all
    client_slots -- for one client
    """

    def __init__(self, slots: int, client_slots: int) -> None:
        self._free = slots
        self._client_slots = client_slots
        self._inside: Counter[Hashable] = Counter()
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}

    @contextlib.asynccontextmanager
    async def slot(self, client: Hashable) -> AsyncIterator[None]:
        """Wait for a turn; it lasts as long as the block."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, deque()).append(turn)
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._stop_waiting(client, turn)
            else:
                self._leave(client)
            raise
        try:
            yield
        finally:
            self._leave(client)

    def _stop_waiting(self, client: Hashable, turn: asyncio.Future[None]) -> None:
        waiting = self._waiting.get(client, deque())
        if turn in waiting:
            waiting.remove(turn)
            if not waiting:
                del self._waiting[client]

    def _leave(self, client: Hashable) -> None:
        self._free += 1
        self._inside[client] -= 1
        if not self._inside[client]:
            del self._inside[client]
        self._admit()

    def _admit(self) -> None:
        while self._free and self._waiting:
            # Of those with as few inside the one that waits for longest.
            client = min(self._waiting, key=self._inside.__getitem__)
            if self._inside[client] >= self._client_slots:
                return
            waiting = self._waiting.pop(client)
            turn = waiting.popleft()
            if waiting:
                self._waiting[client] = waiting
            if not turn.cancelled():  # else its task is about to find out
                self._free -= 1
                self._inside[client] += 1
                turn.set_result(None)
