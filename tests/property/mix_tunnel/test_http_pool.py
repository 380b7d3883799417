"""Whatever users do with the pool, its limits hold, nobody is forgotten, and nothing stays open at the end."""

from __future__ import annotations

import asyncio
import math
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from mix_tunnel.runtime.http.pool import ConnectionPool, Lease, any_alive, none_at_all

ORIGINS = [("https", f"{name}.test", 443) for name in "abcd"]
PER_ORIGIN, IN_ALL = 2, 3


class Connection:
    """Counts what is open."""

    alive: Counter[tuple[str, str, int]] = Counter()
    idle_limit_s = math.inf

    def __init__(self, origin: tuple[str, str, int]) -> None:
        self.origin = origin
        self.open = True
        self.broken = asyncio.Event()
        Connection.alive[origin] += 1

    async def wait_until_broken(self) -> None:
        await self.broken.wait()

    async def aclose(self) -> None:
        await asyncio.sleep(0)
        self.end()

    def abort(self) -> None:
        self.end()

    def end(self) -> None:
        if self.open:
            self.open = False
            Connection.alive[self.origin] -= 1


steps = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask fresh", "give back", "drop", "finish", "give up", "break", "let run"]),
        st.integers(0, 20),
    ),
    max_size=60,
)


async def use(actions: list[tuple[str, int]]) -> None:
    Connection.alive = Counter()
    pool = ConnectionPool[Connection](per_origin=PER_ORIGIN, in_all=IN_ALL)
    waiting: list[asyncio.Task[Lease[Connection]]] = []
    held: list[Lease[Connection]] = []

    def collect() -> None:
        for task in [task for task in waiting if task.done()]:
            waiting.remove(task)
            if not task.cancelled():
                lease = task.result()
                if lease.connection is None:
                    lease.connection = Connection(lease.origin)
                assert lease.connection.open
                assert lease.connection.origin == lease.origin
                held.append(lease)
        assert pool.open <= IN_ALL
        assert all(count <= PER_ORIGIN for count in pool._counts.values())

    for action, number in actions:
        if action.startswith("ask"):
            origin = ORIGINS[number % len(ORIGINS)]
            waiting.append(
                asyncio.create_task(pool.acquire(origin, suits=none_at_all if action == "ask fresh" else any_alive))
            )
        elif action == "give up" and waiting:
            waiting[number % len(waiting)].cancel()
        elif action == "break" and pool._idle:
            pool._idle[number % len(pool._idle)].connection.broken.set()
        elif action in ("give back", "drop", "finish") and held:
            lease = held.pop(number % len(held))
            getattr(lease, action.replace(" ", "_"))()
        elif action == "let run":
            for _ in range(number):
                await asyncio.sleep(0)
        collect()
    for _ in range(500):  # everyone who still waits is served as the others go
        await asyncio.sleep(0)
        collect()
        if held:
            held.pop(0).give_back()
        elif not waiting:
            break
    assert not waiting
    assert not pool._queues
    await pool.aclose()
    for _ in range(10):
        await asyncio.sleep(0)
    assert pool.open == 0
    assert sum(Connection.alive.values()) == 0


@given(steps)
def test_any_use(actions):
    asyncio.run(use(actions))
