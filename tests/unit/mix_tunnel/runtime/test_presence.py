"""The clock by which silence is judged, on an event loop whose clock jumps."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from support.virtual_time import stand_still, virtual_time

from mix_tunnel.runtime.presence import present_clock


@virtual_time
async def test_a_timer_comes_in_time_where_all_is_well():
    loop, clock = asyncio.get_running_loop(), present_clock()
    began = loop.time()
    fired: list[float] = []
    clock.call_later(0.2, lambda: fired.append(loop.time() - began))
    clock.call_later(60.0, lambda: fired.append(loop.time() - began))
    await asyncio.sleep(100)
    assert fired == pytest.approx([0.2, 60.0])


@virtual_time
async def test_a_timer_does_not_count_what_the_process_stood_still_for():
    loop, clock = asyncio.get_running_loop(), present_clock()
    began = loop.time()
    fired: list[float] = []
    clock.call_later(10.0, lambda: fired.append(loop.time() - began))
    await asyncio.sleep(5.1)
    stand_still(90.0)
    await asyncio.sleep(3.0)
    assert fired == []
    await asyncio.sleep(3.0)
    assert 98.0 < fired[0] < 100.1
    assert 88.0 < clock.absent_s < 90.0


@virtual_time
async def test_a_process_that_runs_a_twentieth_of_the_time_counts_its_turns():
    clock = present_clock()
    clock.hold()
    began, counted = asyncio.get_running_loop().time(), clock.time()
    for _ in range(100):
        await asyncio.sleep(0.05)
        stand_still(9.95)
    assert asyncio.get_running_loop().time() - began == pytest.approx(1000.0)
    assert clock.time() - counted <= 201.5
    clock.release()


@dataclass(eq=False)
class Inbox:
    """Takes what has come, and each takes its time."""

    come: int = 0
    taken: int = 0

    async def take(self, work_s: float) -> None:
        while self.taken < self.come:
            stand_still(work_s)
            self.taken += 1
            await asyncio.sleep(0)


@virtual_time
async def test_nothing_is_judged_while_something_waits_that_had_come_before():
    clock, inbox = present_clock(), Inbox(come=200)
    clock.readers.add(inbox)
    fired: list[int] = []
    clock.call_later(5.0, lambda: fired.append(inbox.taken))
    await inbox.take(0.3)
    assert fired == []
    await asyncio.sleep(10.0)
    assert fired == [200]
    clock.readers.discard(inbox)


@virtual_time
async def test_where_the_taking_lags_behind_so_does_the_clock_but_it_goes_on():
    loop, clock, inbox = asyncio.get_running_loop(), present_clock(), Inbox()
    clock.hold()
    clock.readers.add(inbox)
    began = loop.time()
    counted = clock.time()
    while loop.time() - began < 200.0:
        inbox.come += 10
        await asyncio.sleep(0.1)
        inbox.taken = max(inbox.taken, inbox.come - 500)  # five seconds of it always wait
    assert 190.0 < clock.time() - counted < 197.0
    clock.readers.discard(inbox)
    clock.release()


@virtual_time
async def test_a_time_limit_counts_presence_alone():
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def be_away_for_a_while() -> None:
        async with present_clock().timeout(5.0):
            await asyncio.sleep(1.0)
            stand_still(30.0)
            await asyncio.sleep(100.0)

    with pytest.raises(TimeoutError):
        await be_away_for_a_while()
    assert 33.0 < loop.time() - began < 36.0
    async with present_clock().timeout(5.0):
        await asyncio.sleep(1.0)


@virtual_time
async def test_it_does_not_tick_when_nobody_holds_it():
    clock = present_clock()
    timer = clock.call_later(5.0, lambda: None)
    timer.cancel()
    timer.cancel()
    before = clock.time()
    await asyncio.sleep(1000.0)
    assert clock.time() - before == 1000.0
