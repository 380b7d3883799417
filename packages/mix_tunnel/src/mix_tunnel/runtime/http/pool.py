"""Connections kept alive between requests: a few for each origin, some in all.

Within an origin, who asked first is served first. Origins take turns, and one without any connection comes before
those that have some: neither many requests to one origin nor many busy origins keep another waiting for ever. Where
several users share the pool, such as the tabs of a browser, the limits and the turns are each user's: one who leaves
answers unread holds up himself alone. Idle connections are for all.

Each idle connection is watched: when the server closes it, or it has idled for too long, it is closed here too, so
that it neither surprises the next request nor lingers at the exit.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

from mix_protocol.errors import MixError

from .errors import ClientClosed
from .url import Origin

CLOSE_TIMEOUT_S = 3.0


class PooledConnection(Protocol):
    """What the pool must be able to do with a connection."""

    @property
    def idle_limit_s(self) -> float:
        """Seconds for which it may wait for a request, perhaps less than 0."""
        ...

    async def wait_until_broken(self) -> None:
        """Return, or raise a `MixError`, when the idle connection is of no more use."""
        ...

    async def aclose(self) -> None:
        """Close in order."""
        ...

    def abort(self) -> None:
        """Drop at once."""
        ...


C = TypeVar("C", bound=PooledConnection)
Suits = Callable[[C, float], bool]
"""Whether one may use a connection that has idled for so many seconds."""


Claim = tuple[Origin, Hashable]
"""An origin, and the user that wants connections to it."""


def any_alive(connection: PooledConnection, idle_s: float) -> bool:
    """Take whatever has not idled for too long."""
    return idle_s < connection.idle_limit_s


def none_at_all(connection: PooledConnection, idle_s: float) -> bool:
    """Take a new connection."""
    return False


class Lease(Generic[C]):
    """The right to one connection of an origin: an idle one, or room to open one (`connection` is None then)."""

    def __init__(self, pool: ConnectionPool[C], claim: Claim, idle: _Idle[C] | None) -> None:
        self._pool = pool
        self._claim = claim
        self._idle = idle
        self._loop = asyncio.get_running_loop()
        self.origin = claim[0]
        self.connection = idle.connection if idle is not None else None
        self.released = False

    async def _take_over(self) -> None:
        """Wait until the watcher has let go of the idle connection; when it found it broken, there is only room.

        It has a turn of the loop to look before that, even if it has only just begun: what a server sent unasked behind
        its last answer would otherwise pass for the answer to the next request.
        """
        if self._idle is None:
            return
        await asyncio.sleep(0)
        self._idle.watcher.cancel()
        await asyncio.wait({self._idle.watcher})
        if not self._idle.watcher.cancelled():
            self._idle.connection.abort()
            self.connection = None

    def give_back(self) -> None:
        """Let others use the connection; it must be ready for the next exchange. Idempotent."""
        if not self.released:
            self.released = True
            self._pool._take_back(self, self._claim)

    def finish(self) -> None:
        """Close the connection in order, since it can't be used again, and free its place. Idempotent."""
        if not self.released:
            self.released = True
            if self.connection is not None:
                self._pool._close_soon(self.connection)
            self._pool._free(self, self._claim)

    def call_soon(self, action: Callable[[], None]) -> None:
        """Run `action` in the loop's next turn, from whatever thread; nothing happens when the loop is gone."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(action)

    def drop(self) -> None:
        """Abort the connection, if there is one, and free its place. Idempotent."""
        if not self.released:
            self.released = True
            if self._idle is not None:
                self._idle.watcher.cancel()
            if self.connection is not None:
                self.connection.abort()
            self._pool._free(self, self._claim)


class _Idle(Generic[C]):
    def __init__(self, origin: Origin, connection: C, watcher: asyncio.Task[None]) -> None:
        self.origin = origin
        self.connection = connection
        self.watcher = watcher
        self.since = asyncio.get_running_loop().time()


class _Waiter(Generic[C]):
    def __init__(self, claim: Claim, suits: Suits[C], future: asyncio.Future[Lease[C]]) -> None:
        self.claim = claim
        self.future = future
        self._suits = suits
        self._loop = future.get_loop()

    def takes(self, idle: _Idle[C]) -> bool:
        return self._suits(idle.connection, self._loop.time() - idle.since)


class ConnectionPool(Generic[C]):
    """At most `per_origin` connections to one origin and `in_all` altogether, for each user."""

    def __init__(self, *, per_origin: int = 6, in_all: int = 64, keep_alive_s: float = 60.0) -> None:
        self._per_origin = per_origin
        self._in_all = in_all
        self._keep_alive_s = keep_alive_s
        self._in_use: Counter[Claim] = Counter()
        self._idle: list[_Idle[C]] = []  # the one used longest ago first
        self._queues: OrderedDict[Claim, deque[_Waiter[C]]] = OrderedDict()  # whose turn it is comes first
        self._leased: set[Lease[C]] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def idle(self) -> int:
        """Connections that wait for a request."""
        return len(self._idle)

    @property
    def open(self) -> int:
        """Connections in use, opening or idle."""
        return self._in_use.total() + len(self._idle)

    async def acquire(self, origin: Origin, *, suits: Suits[C] = any_alive, user: Hashable = None) -> Lease[C]:
        """Wait for an idle connection that suits, or for room to open one."""
        if self._closed:
            raise ClientClosed
        waiter = _Waiter[C]((origin, user), suits, asyncio.get_running_loop().create_future())
        self._queues.setdefault(waiter.claim, deque()).append(waiter)
        self._assign()
        try:
            lease = await waiter.future
            await lease._take_over()
        except asyncio.CancelledError:
            if waiter.future.done() and not waiter.future.cancelled() and waiter.future.exception() is None:
                waiter.future.result().drop()
            else:
                self._forget(waiter)
            raise
        if lease.released:  # by `aclose`, meanwhile
            raise ClientClosed
        return lease

    async def aclose(self) -> None:
        """Close the idle connections, abort those in use, and turn those who wait away."""
        self._closed = True
        for queue in self._queues.values():
            for waiter in queue:
                if not waiter.future.done():
                    waiter.future.set_exception(ClientClosed())
        self._queues.clear()
        for lease in list(self._leased):
            lease.drop()
        for idle in list(self._idle):
            self._retire(idle)
        if self._closing:
            await asyncio.wait(self._closing)

    # --- giving out

    def _assign(self) -> None:
        """Serve everyone who can be served now: first the claims that have nothing yet, then all by turns."""
        idle = {each.origin for each in self._idle}
        for claim in [claim for claim in self._queues if not self._in_use[claim] and claim[0] not in idle]:
            self._serve(claim)
        waiting = list(self._queues)
        while waiting:
            waiting = [claim for claim in waiting if self._serve(claim)]

    def _serve(self, claim: Claim) -> bool:
        """Serve the first who waits with a claim; returns whether somebody was served and more may wait."""
        queue = self._queues[claim]
        while queue and queue[0].future.done():  # gives up in this very turn
            queue.popleft()
        lease = self._grant(queue[0]) if queue else None
        if lease is not None:
            self._leased.add(lease)
            queue.popleft().future.set_result(lease)
            self._queues.move_to_end(claim)
        if not queue:
            del self._queues[claim]
        return lease is not None and bool(queue)

    def _forget(self, waiter: _Waiter[C]) -> None:
        """Somebody gave up: behind a busy server nobody else may ever be served who would tidy up."""
        queue = self._queues.get(waiter.claim, deque())
        with suppress(ValueError):
            queue.remove(waiter)
        if not queue:
            self._queues.pop(waiter.claim, None)
        self._assign()

    def _grant(self, waiter: _Waiter[C]) -> Lease[C] | None:
        claim = waiter.claim
        in_use, in_all = self._in_use[claim], self._count(claim[1])
        if in_use >= self._per_origin or in_all >= self._in_all:
            return None
        own = [idle for idle in self._idle if idle.origin == claim[0]]
        suiting = [idle for idle in own if waiter.takes(idle)]
        if suiting:
            idle = suiting[-1]  # the one used last is the likeliest to be alive
            self._idle.remove(idle)
            self._in_use[claim] += 1
            return Lease(self, claim, idle)
        is_full = in_all + len(self._idle) >= self._in_all
        if own and (is_full or in_use + len(own) >= self._per_origin):
            self._retire(own[0])
        elif is_full:
            spare = self._spare(claim)
            if spare is None:
                return None
            self._retire(spare)
        self._in_use[claim] += 1
        return Lease(self, claim, None)

    def _count(self, user: Hashable) -> int:
        return sum(count for (_, other), count in self._in_use.items() if other == user)

    def _spare(self, claim: Claim) -> _Idle[C] | None:
        """An idle connection to close for another origin: one that nobody waits for, or any if that one has none."""
        hungry = not self._in_use[claim]
        wanted = {origin for origin, _ in self._queues}
        return next((idle for idle in self._idle if hungry or idle.origin not in wanted), None)

    # --- taking back

    def _take_back(self, lease: Lease[C], claim: Claim) -> None:
        assert lease.connection is not None
        self._leased.discard(lease)
        self._uncount(claim)
        watcher = asyncio.create_task(self._watch(lease.connection), name="idle connection")
        idle = _Idle(lease.origin, lease.connection, watcher)
        self._idle.append(idle)
        watcher.add_done_callback(lambda task: self._watched(idle, task))
        if self._closed:
            self._retire(idle)
        self._assign()

    def _free(self, lease: Lease[C], claim: Claim) -> None:
        self._leased.discard(lease)
        self._uncount(claim)
        self._assign()

    def _uncount(self, claim: Claim) -> None:
        self._in_use[claim] -= 1
        if not self._in_use[claim]:
            del self._in_use[claim]

    async def _watch(self, connection: C) -> None:
        with suppress(TimeoutError, MixError):
            async with asyncio.timeout(max(min(self._keep_alive_s, connection.idle_limit_s), 0.0)):
                await connection.wait_until_broken()

    def _watched(self, idle: _Idle[C], task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.exception()
        if idle in self._idle:
            self._retire(idle)
            self._assign()

    def _retire(self, idle: _Idle[C]) -> None:
        """Close an idle connection in the background; its place is free at once."""
        self._idle.remove(idle)
        idle.watcher.cancel()
        self._close_soon(idle.connection, idle.watcher)

    def _close_soon(self, connection: C, watcher: asyncio.Task[None] | None = None) -> None:
        closing = asyncio.create_task(self._close(connection, watcher), name="close connection")
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _close(self, connection: C, watcher: asyncio.Task[None] | None) -> None:
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                if watcher is not None:
                    await asyncio.wait({watcher})
                await connection.aclose()
        except (TimeoutError, MixError):
            connection.abort()
