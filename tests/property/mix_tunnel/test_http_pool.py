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


async def use(actions: list[tuple[str, int]], users: int) -> None:
    Connection.alive = Counter()
    pool = ConnectionPool[Connection](per_origin=PER_ORIGIN, in_all=IN_ALL)
    waiting: list[tuple[asyncio.Task[Lease[Connection]], int]] = []
    held: list[tuple[Lease[Connection], int]] = []

    def collect() -> None:
        for task, user in [each for each in waiting if each[0].done()]:
            waiting.remove((task, user))
            if not task.cancelled():
                lease = task.result()
                if lease.connection is None:
                    lease.connection = Connection(lease.origin)
                assert lease.connection.open
                assert lease.connection.origin == lease.origin
                held.append((lease, user))
        in_use = {user: [lease.origin for lease, other in held if other == user] for user in range(users)}
        assert all(len(origins) <= IN_ALL for origins in in_use.values())
        assert all(count <= PER_ORIGIN for origins in in_use.values() for count in Counter(origins).values())
        assert pool.idle <= IN_ALL * users
        assert users > 1 or pool.open <= IN_ALL

    for action, number in actions:
        user = number % users
        if action.startswith("ask"):
            origin = ORIGINS[number % len(ORIGINS)]
            suits = none_at_all if action == "ask fresh" else any_alive
            waiting.append((asyncio.create_task(pool.acquire(origin, suits=suits, user=user)), user))
        elif action == "give up" and waiting:
            waiting[number % len(waiting)][0].cancel()
        elif action == "break" and pool._idle:
            pool._idle[number % len(pool._idle)].connection.broken.set()
        elif action in ("give back", "drop", "finish") and held:
            lease, _ = held.pop(number % len(held))
            getattr(lease, action.replace(" ", "_"))()
        elif action == "let run":
            for _ in range(number):
                await asyncio.sleep(0)
        collect()
    for _ in range(500):  # everyone who still waits is served as the others go
        await asyncio.sleep(0)
        collect()
        if held:
            held.pop(0)[0].give_back()
        elif not waiting:
            break
    assert not waiting
    assert not pool._queues
    await pool.aclose()
    for _ in range(10):
        await asyncio.sleep(0)
    assert pool.open == 0
    assert sum(Connection.alive.values()) == 0


@given(steps, st.integers(1, 3))
def test_any_use(actions, users):
    asyncio.run(use(actions, users))
