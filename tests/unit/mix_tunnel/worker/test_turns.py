"""Calls in turns: in order, in few of them, at their times, and never for long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from mix_tunnel.worker.turns import TURN_S, Turns


class Below:
    """The loop below, and asyncio's side of the one above."""

    def __init__(self) -> None:
        self.now = 100.0
        self.posted = 0
        self.wakes_in: list[float] = []
        self.ran: list[Any] = []
        self.turns = Turns(lambda: self.now, self._post, self.wakes_in.append)

    def _post(self) -> None:
        self.posted += 1

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.ran.append(type(context["exception"]))

    def get_debug(self) -> bool:
        return False

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        self.turns.note_cancelled()

    def soon(self, callback: Callable[..., Any], *args: Any) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self)  # type: ignore[arg-type]
        self.turns.add(handle)
        return handle

    def later(self, delay_s: float, *args: Any) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(self.now + delay_s, self.ran.append, args, self)  # type: ignore[arg-type]
        self.turns.add_later(handle)
        return handle

    def run(self) -> None:
        self.turns.run()

    def wake(self) -> None:
        """The loop below does what it was asked for: it wakes the turns, and runs what they post."""
        posted = self.posted
        self.turns.wake()
        if self.posted > posted:
            self.run()


@pytest.fixture
def below() -> Below:
    return Below()


def test_what_is_ready_runs_in_order_in_one_turn(below: Below):
    for number in range(5):
        below.soon(below.ran.append, number)
    assert below.posted == 1
    below.run()
    assert below.ran == [0, 1, 2, 3, 4]
    assert below.posted == 1
    assert below.wakes_in == []


def test_what_gets_ready_meanwhile_runs_in_the_same_turn(below: Below):
    below.soon(lambda: below.soon(lambda: below.soon(below.ran.append, "third")))
    below.run()
    assert below.ran == ["third"]
    assert below.posted == 1


def test_a_turn_ends_when_it_has_lasted_and_another_follows(below: Below):
    def work() -> None:
        below.now += TURN_S / 4
        below.ran.append("work")
        below.soon(work)

    below.soon(work)
    below.run()
    assert below.ran == ["work"] * 4
    assert below.posted == 2
    below.run()
    assert below.ran == ["work"] * 8


def test_a_cancelled_call_does_not_run(below: Below):
    below.soon(below.ran.append, "no").cancel()
    below.later(0.0, "never").cancel()
    below.run()
    assert below.ran == []


def test_later_calls_come_at_their_times_and_the_loop_below_wakes_for_the_first(below: Below):
    below.later(3.0, "third")
    below.later(1.0, "first")
    below.later(2.0, "second")
    assert below.wakes_in == [3.0, 1.0]
    for now, expected in ((101.0, ["first"]), (102.5, ["first", "second"]), (103.0, ["first", "second", "third"])):
        below.now = now
        below.wake()
        assert below.ran == expected
    assert below.wakes_in == [3.0, 1.0, 1.0, 0.5]


def test_a_call_does_not_come_early(below: Below):
    """A departure that did would be asked for again and again until it is time."""
    below.later(0.0005, "later")
    below.run()
    assert below.ran == []
    below.now += 0.0005
    below.turns.wake()
    assert below.ran == ["later"]


def test_a_timer_is_not_set_within_another(below: Below):
    """Browsers would make it wait for 4 ms at least."""
    below.later(1.0, "first")
    below.later(1.001, "second")
    below.now += 1
    below.turns.wake()
    assert below.ran == ["first"]
    assert below.wakes_in == [1.0]
    assert below.posted == 1
    below.run()
    assert below.wakes_in == [1.0, pytest.approx(0.001)]


def test_timers_that_are_due_have_their_turn_among_endless_work(below: Below):
    def work() -> None:
        below.now += TURN_S / 100
        below.soon(work)

    below.soon(work)
    below.later(TURN_S / 2, "timer")
    below.run()
    assert below.ran == ["timer"]


def test_the_same_time_is_in_order(below: Below):
    for number in range(20):
        below.later(1.0, number)
    below.now += 1
    below.run()
    assert below.ran == list(range(20))


def test_an_exception_is_told_and_the_rest_runs(below: Below):
    def fail() -> None:
        raise ValueError

    below.soon(fail)
    below.soon(below.ran.append, "next")
    below.run()
    assert below.ran == [ValueError, "next"]


def test_what_ends_a_program_leaves_the_rest_for_another_turn(below: Below):
    def stop() -> None:
        raise SystemExit

    below.soon(stop)
    below.soon(below.ran.append, "next")
    with pytest.raises(SystemExit):
        below.run()
    assert below.posted == 2
    below.run()
    assert below.ran == ["next"]


def test_cancelled_timers_do_not_pile_up(below: Below):
    kept = [below.later(60.0, number) for number in range(10)]
    for number in range(100_000):
        below.later(30.0 + number % 7, number).cancel()
    assert len(below.turns._later) < 500
    below.now += 60
    below.run()
    assert below.ran == list(range(10))
    assert kept[0].when() == 160.0


def test_a_cancelled_first_timer_does_not_hide_the_next(below: Below):
    below.later(1.0, "no").cancel()
    below.later(2.0, "yes")
    below.now += 1
    below.wake()
    assert below.wakes_in[-1] == pytest.approx(1.0)
    below.now += 1
    below.wake()
    assert below.ran == ["yes"]
