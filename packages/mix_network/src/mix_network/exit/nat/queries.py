"""DNS queries that our own resolver is answering: bounded in all and for each client."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from mix_network.shares import Shares
from mix_protocol.ipr.addresses import client_number

MAX_QUERIES = 256
MAX_CLIENT_QUERIES = 64


class Queries:
    """Tasks by client. When there are too many, the oldest of the client with the most gives way.

    What gives way gets no answer, as any query over UDP may; who asked asks again.
    """

    def __init__(self) -> None:
        self._tasks: dict[int, dict[asyncio.Task[None], None]] = {}
        self._shares: Shares[int] = Shares()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def start(self, address: bytes, answering: Coroutine[None, None, None]) -> None:
        """Answer a query of the client with this packed address, if there is room."""
        client = client_number(address)
        if not self._make_room(client):
            answering.close()
            return
        task = asyncio.create_task(answering)
        self._tasks.setdefault(client, {})[task] = None
        self._shares.change(client, 1)
        self._count += 1
        task.add_done_callback(lambda _: self._forget(client, task))

    def drop_client(self, address: bytes) -> None:
        """Forget the queries of a client that is gone."""
        client = client_number(address)
        for task in list(self._tasks.get(client, ())):
            self._end(client, task)

    async def close(self) -> None:
        """Forget every query."""
        tasks = [task for tasks in self._tasks.values() for task in tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _make_room(self, client: int) -> bool:
        if self._shares.of(client) >= MAX_CLIENT_QUERIES:
            return False
        if self._count < MAX_QUERIES:
            return True
        greediest = self._shares.greediest()
        if greediest is None or self._shares.of(greediest) <= self._shares.of(client):
            return False
        self._end(greediest, next(iter(self._tasks[greediest])))
        return True

    def _end(self, client: int, task: asyncio.Task[None]) -> None:
        task.cancel()
        self._forget(client, task)

    def _forget(self, client: int, task: asyncio.Task[None]) -> None:
        tasks = self._tasks.get(client)
        if tasks is None or task not in tasks:
            return
        del tasks[task]
        if not tasks:
            del self._tasks[client]
        self._shares.change(client, -1)
        self._count -= 1
