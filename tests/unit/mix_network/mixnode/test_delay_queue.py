"""The delay queue on a clock of the test's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix_network.mixnode.delay_queue import DelayQueue
from mix_protocol.errors import UsageError


def test_items_leave_when_their_time_has_come_and_not_before():
    queue: DelayQueue[str] = DelayQueue(10, 100)
    queue.push("late", 2.0, 1)
    queue.push("early", 1.0, 1)
    assert queue.next_timeout() == 1.0
    assert queue.release(0.999) == []
    assert queue.release(1.0) == ["early"]
    assert queue.next_timeout() == 2.0
    assert queue.release(5.0) == ["late"]
    assert queue.next_timeout() is None


def test_a_time_that_has_passed_is_released_at_once():
    queue: DelayQueue[str] = DelayQueue(10, 100)
    queue.push("overdue", -3.0, 1)
    assert queue.release(0.0) == ["overdue"]


def test_equal_times_keep_their_order():
    queue: DelayQueue[object] = DelayQueue(10, 100)
    items = [object() for _ in range(5)]  # objects that cannot be compared
    for item in items:
        queue.push(item, 1.0, 1)
    assert queue.release(1.0) == items


def test_what_would_stay_longest_makes_room():
    queue: DelayQueue[int] = DelayQueue(2, 100)
    assert queue.push(1, 1.0, 1) == 0
    assert queue.push(2, 2.0, 1) == 0
    assert queue.push(3, 0.5, 1) == 1
    assert queue.push(4, 1.0, 1) == 1  # itself: it came later than the other
    assert len(queue) == 2
    assert queue.release(9.0) == [3, 1]
    assert queue.push(5, 1.0, 1) == 0


def test_large_items_are_bounded_by_their_bytes():
    queue: DelayQueue[str] = DelayQueue(10, 1000)
    assert queue.push("large", 1.0, 700) == 0
    assert queue.push("too large", 2.0, 301) == 1
    assert queue.push("small", 2.0, 300) == 0
    assert queue.push("larger than the queue", 0.0, 1001) == 1
    assert queue.push("before them", 0.5, 301) == 2
    assert queue.release(9.0) == ["before them"]
    assert queue.push("large again", 1.0, 1000) == 0
    assert queue.push("one more", 1.0, 1) == 1


def test_a_flood_of_long_delays_costs_short_ones_nothing():
    queue: DelayQueue[str] = DelayQueue(1000, 10_000)
    released = dropped = 0
    for step in range(1000):
        now = step / 1000
        for each in range(20):
            dropped += queue.push("flood", now + 10.0 - each / 100, 1)
        dropped += queue.push("honest", now + 0.05, 1)
        released += queue.release(now).count("honest")
        assert len(queue) <= 1000
    assert released == 950
    assert dropped + len(queue) + released == 21_000


@pytest.mark.parametrize("room", [(0, 1), (1, 0)])
def test_it_needs_room(room: tuple[int, int]):
    with pytest.raises(UsageError):
        DelayQueue(*room)


@given(st.lists(st.floats(0, 100)), st.floats(0, 100))
def test_release_parts_the_items_by_time(times, now):
    queue: DelayQueue[float] = DelayQueue(len(times) + 1, len(times) + 1)
    for time in times:
        queue.push(time, time, 1)
    assert queue.release(now) == sorted(time for time in times if time <= now)
    assert queue.release(1000.0) == sorted(time for time in times if time > now)
