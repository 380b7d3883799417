"""The pool's rules, with connections that record what happens to them."""

from __future__ import annotations

import asyncio
import math

import pytest

from mix_tunnel.runtime.http.errors import ClientClosed
from mix_tunnel.runtime.http.pool import ConnectionPool, Lease, none_at_all

A = ("https", "a.test", 443)
B = ("https", "b.test", 443)


class Connection:
    def __init__(self, name: str = "", idle_limit_s: float = math.inf) -> None:
        self.name = name
        self.idle_limit_s = idle_limit_s
        self.broken = asyncio.Event()
        self.aborted = False
        self.closed = False

    async def wait_until_broken(self) -> None:
        await self.broken.wait()

    async def aclose(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True


async def open_lease(pool: ConnectionPool[Connection], origin=A, name: str = "") -> Lease[Connection]:
    lease = await pool.acquire(origin)
    if lease.connection is None:
        lease.connection = Connection(name)
    return lease


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_connection_given_back_is_given_out_again():
    pool = ConnectionPool[Connection]()
    lease = await open_lease(pool)
    connection = lease.connection
    lease.give_back()
    lease.give_back()
    assert (pool.idle, pool.open) == (1, 1)
    assert (await pool.acquire(A)).connection is connection
    assert (pool.idle, pool.open) == (0, 1)


async def test_the_connection_used_last_is_given_out_first():
    pool = ConnectionPool[Connection]()
    first, second = await open_lease(pool, name="first"), await open_lease(pool, name="second")
    second.give_back()
    first.give_back()
    assert (await open_lease(pool)).connection.name == "first"


async def test_origins_do_not_share_connections():
    pool = ConnectionPool[Connection]()
    (await open_lease(pool, A)).give_back()
    assert (await pool.acquire(B)).connection is None
    assert (await pool.acquire(("http", "a.test", 443))).connection is None


async def test_dropping_frees_the_place():
    pool = ConnectionPool[Connection]()
    lease = await open_lease(pool)
    lease.drop()
    lease.drop()
    assert lease.connection.aborted
    assert pool.open == 0


async def test_finishing_closes_in_order():
    pool = ConnectionPool[Connection]()
    lease = await open_lease(pool)
    lease.finish()
    assert pool.open == 0
    await turns()
    assert lease.connection.closed
    assert not lease.connection.aborted


async def test_who_asked_first_is_served_first():
    pool = ConnectionPool[Connection](per_origin=1)
    lease = await open_lease(pool)
    served: list[int] = []

    async def use(number: int) -> None:
        mine = await open_lease(pool)
        served.append(number)
        mine.give_back()

    tasks = [asyncio.create_task(use(number)) for number in range(5)]
    await turns()
    assert served == []
    lease.give_back()
    await asyncio.wait(tasks)
    assert served == [0, 1, 2, 3, 4]
    assert pool.open == 1


async def test_one_full_origin_does_not_hold_up_another():
    pool = ConnectionPool[Connection](per_origin=1)
    await open_lease(pool, A)
    waiting = asyncio.create_task(pool.acquire(A))
    await turns()
    assert (await pool.acquire(B)).connection is None
    waiting.cancel()


async def test_a_place_is_made_by_closing_an_idle_connection_of_another_origin():
    pool = ConnectionPool[Connection](in_all=2)
    first, second = await open_lease(pool, A, "old"), await open_lease(pool, A, "new")
    first.give_back()
    second.give_back()
    await pool.acquire(B)
    await turns()
    assert first.connection.closed
    assert not second.connection.closed
    assert pool.open == 2


async def test_the_limit_in_all_holds_while_everything_is_used():
    pool = ConnectionPool[Connection](in_all=1)
    lease = await open_lease(pool, A)
    waiting = asyncio.create_task(pool.acquire(B))
    await turns()
    assert not waiting.done()
    lease.drop()
    assert (await waiting).origin == B


async def test_fresh_ones_are_not_idle_ones():
    pool = ConnectionPool[Connection](per_origin=1)
    lease = await open_lease(pool)
    lease.give_back()
    assert (await pool.acquire(A, suits=none_at_all)).connection is None
    await turns()
    assert lease.connection.closed
    assert pool.open == 1


async def test_fresh_ones_are_given_out_when_every_place_is_taken_by_idle_ones():
    pool = ConnectionPool[Connection](per_origin=2, in_all=2)
    leases = [await open_lease(pool, origin) for origin in (A, B)]
    waiting = [asyncio.create_task(pool.acquire(origin, suits=none_at_all)) for origin in (A, B)]
    await turns()
    for lease in leases:
        lease.give_back()
    assert [(await task).connection for task in waiting] == [None, None]
    assert pool.open == 2


async def test_a_broken_idle_connection_is_closed():
    pool = ConnectionPool[Connection]()
    lease = await open_lease(pool)
    lease.give_back()
    lease.connection.broken.set()
    await turns()
    assert lease.connection.closed
    assert pool.open == 0


async def test_a_connection_that_breaks_while_it_is_given_out_is_replaced_by_room():
    pool = ConnectionPool[Connection]()
    lease = await open_lease(pool)
    connection = lease.connection

    async def already_broken() -> None:
        return None

    connection.wait_until_broken = already_broken  # its watcher ends in the same turn as the lease is granted
    lease.give_back()
    watcher = pool._idle[0].watcher
    while not watcher.done():
        task = asyncio.create_task(pool.acquire(A))
        await asyncio.sleep(0)
    assert (await task).connection is None or not watcher.cancelled()


@pytest.mark.parametrize("waits", [False, True])
async def test_a_connection_that_is_given_on_at_once_is_looked_at_all_the_same(waits):
    pool = ConnectionPool[Connection](per_origin=1)
    lease = await open_lease(pool)
    lease.connection.broken.set()  # such as by bytes behind the last answer
    waiting = asyncio.create_task(pool.acquire(A))
    if waits:
        await turns()
    lease.give_back()
    assert (await waiting).connection is None
    assert lease.connection.aborted


async def test_giving_up_while_waiting():
    pool = ConnectionPool[Connection](per_origin=1)
    lease = await open_lease(pool)
    first, second = (asyncio.create_task(pool.acquire(A)) for _ in range(2))
    await turns()
    first.cancel()
    lease.drop()
    assert (await second).connection is None
    assert pool.open == 1


async def test_giving_up_in_the_very_moment_of_being_served():
    pool = ConnectionPool[Connection](per_origin=1)
    lease = await open_lease(pool)
    waiting = asyncio.create_task(pool.acquire(A))
    await turns()
    lease.give_back()  # serves `waiting`, which has not run yet
    waiting.cancel()
    await asyncio.wait({waiting})
    assert waiting.cancelled()
    await turns()
    assert (await asyncio.wait_for(pool.acquire(A), 1)).origin == A
    assert pool.open == 1


async def test_closing():
    pool = ConnectionPool[Connection](per_origin=2)
    used, idle = await open_lease(pool), await open_lease(pool)
    idle.give_back()
    third = await open_lease(pool)
    waiting = asyncio.create_task(pool.acquire(A))
    third.give_back()
    await turns()
    await pool.aclose()
    assert used.connection.aborted
    assert pool.open == 0 or waiting.done()
    with pytest.raises(ClientClosed):
        await pool.acquire(A)


async def test_closing_turns_those_who_wait_away():
    pool = ConnectionPool[Connection](per_origin=1)
    await open_lease(pool)
    waiting = asyncio.create_task(pool.acquire(A))
    await turns()
    await pool.aclose()
    with pytest.raises(ClientClosed):
        await waiting
    assert pool.open == 0


async def test_closing_while_an_idle_connection_is_taken_over():
    pool = ConnectionPool[Connection]()
    lease = await open_lease(pool)
    lease.give_back()
    taking = asyncio.create_task(pool.acquire(A))
    await asyncio.sleep(0)
    await pool.aclose()
    with pytest.raises(ClientClosed):
        await taking
    assert lease.connection.aborted
    assert pool.open == 0


async def test_dropping_soon_from_the_garbage_collector():
    pool = ConnectionPool[Connection]()
    lease = await open_lease(pool)
    lease.call_soon(lease.drop)
    assert not lease.released
    await turns(2)
    assert lease.connection.aborted


# --- taking turns

C = ("https", "c.test", 443)


async def test_origins_take_turns():
    pool = ConnectionPool[Connection](in_all=1)
    lease = await open_lease(pool, A)
    served: list[str] = []

    async def use(origin) -> None:
        mine = await open_lease(pool, origin)
        served.append(origin[1][0])
        mine.drop()

    tasks = [asyncio.create_task(use(A)) for _ in range(3)]
    await turns()
    tasks += [asyncio.create_task(use(origin)) for origin in (B, C, B)]
    await turns()
    lease.drop()
    await asyncio.wait(tasks)
    assert served == ["a", "b", "c", "a", "b", "a"]


async def test_a_busy_origin_gives_way_to_one_that_has_nothing():
    pool = ConnectionPool[Connection](in_all=1)
    busy = await open_lease(pool, A)
    mine = asyncio.create_task(pool.acquire(A))
    theirs = asyncio.create_task(pool.acquire(B))
    await turns()
    busy.give_back()  # A would take it at once, and so for ever
    assert (await theirs).origin == B
    await turns()
    assert busy.connection.closed
    assert not mine.done()
    theirs.result().drop()
    assert (await mine).origin == A


async def test_a_connection_that_is_waited_for_is_not_closed_for_an_origin_that_has_one():
    pool = ConnectionPool[Connection](per_origin=2, in_all=3)
    first, second = await open_lease(pool, A), await open_lease(pool, A)
    await open_lease(pool, B)
    mine = asyncio.create_task(pool.acquire(A))
    theirs = asyncio.create_task(pool.acquire(B))
    await turns()
    first.give_back()
    assert (await mine).connection is first.connection
    assert not theirs.done()
    second.drop()
    assert (await theirs).origin == B


async def test_many_origins_and_requests_are_all_served():
    pool = ConnectionPool[Connection](per_origin=2, in_all=4)
    origins = [("https", f"{number}.test", 443) for number in range(20)]
    most = 0

    async def use(origin) -> None:
        nonlocal most
        mine = await open_lease(pool, origin)
        most = max(most, pool.open)
        await asyncio.sleep(0)
        mine.give_back()

    await asyncio.gather(*(use(origin) for origin in origins for _ in range(10)))
    assert most <= 4
    assert pool.idle == pool.open <= 4
    await pool.aclose()


async def test_giving_up_leaves_no_queue_behind():
    pool = ConnectionPool[Connection](per_origin=1)
    lease = await open_lease(pool)
    tasks = [asyncio.create_task(pool.acquire(A)) for _ in range(100)]
    await turns()
    for task in tasks[1:]:
        task.cancel()
    await asyncio.wait(tasks[1:])
    assert len(pool._queues[A, None]) == 1  # although the first one still waits
    tasks[0].cancel()
    await asyncio.wait(tasks)
    assert not pool._queues
    lease.drop()
    assert pool.open == 0


async def test_a_connection_that_may_not_idle_is_not_kept():
    pool = ConnectionPool[Connection]()
    lease = await pool.acquire(A)
    lease.connection = Connection(idle_limit_s=-1.0)
    lease.give_back()
    assert (await pool.acquire(A)).connection is None
    await turns()
    assert lease.connection.closed


async def test_only_what_suits_is_given_out():
    pool = ConnectionPool[Connection]()
    for name in ("first", "second"):
        lease = await pool.acquire(A, suits=none_at_all)
        lease.connection = Connection(name)
        lease.give_back()
    chosen = await pool.acquire(A, suits=lambda connection, idle_s: idle_s < 60 and connection.name == "first")
    assert chosen.connection.name == "first"
    assert (pool.idle, pool.open) == (1, 2)


async def test_users_have_limits_and_turns_of_their_own_and_idle_connections_together():
    pool = ConnectionPool[Connection](per_origin=2, in_all=3)
    stuck = [await pool.acquire(A, user="stuck") for _ in range(2)]
    waiting = asyncio.create_task(pool.acquire(A, user="stuck"))
    for lease in [await pool.acquire(A, user="other") for _ in range(2)]:
        assert lease.connection is None
        lease.connection = Connection("other's")
        lease.give_back()
    await turns()
    assert not waiting.done()
    stuck[0].drop()
    assert (await waiting).connection.name == "other's"  # an idle one is anybody's
    await pool.acquire(B, user="stuck")
    more = asyncio.create_task(pool.acquire(B, user="stuck"))
    await turns()
    assert not more.done()  # three in all
    assert (await pool.acquire(B, user="other")).connection is None
    stuck[1].drop()
    assert (await more).origin == B


async def test_a_users_waiting_holds_up_no_other():
    pool = ConnectionPool[Connection](per_origin=1)
    first = await pool.acquire(A, user=1)
    behind = [asyncio.create_task(pool.acquire(A, user=1)) for _ in range(3)]
    await turns()
    lease = await asyncio.wait_for(pool.acquire(A, user=2), 1)
    lease.drop()
    await turns()
    assert not any(task.done() for task in behind)
    first.drop()
    for task in behind:
        (await task).drop()
    assert pool.open == 0
