"""Time that counts only while a process is there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix_protocol.presence import ALLOWANCE_S, Presence


def beat(presence: Presence, now: float) -> None:
    presence.grant(presence.beat(now), now)


def test_with_regular_beats_it_is_the_clock_itself():
    presence = Presence(100.0)
    for second in range(100, 200):
        assert presence.time(second + 0.5) == second + 0.5
        beat(presence, second + 1.0)
    assert presence.absent_s(200.0) == 0.0


def test_a_little_lateness_counts_and_standing_still_does_not():
    presence = Presence(0.0)
    beat(presence, 1.4)
    assert presence.time(1.4) == 1.4
    assert presence.time(90.0) == pytest.approx(2.9)
    assert presence.absent_s(90.0) == pytest.approx(87.1)
    beat(presence, 90.0)
    assert presence.time(91.0) == pytest.approx(3.9)


def test_without_a_beat_that_counts_it_stands_still():
    presence = Presence(0.0)
    presence.beat(1.0)
    presence.beat(2.0)
    assert presence.time(2.5) == presence.time(3.0) == presence.time(1000.0) == 1.5


def test_what_is_taken_late_is_counted_late():
    presence, granted = Presence(0.0), []
    for second in range(1, 21):
        granted.append(presence.beat(second))
    assert presence.time(20.0) == 1.5
    for seconds in granted[:10]:
        presence.grant(seconds, 20.0)
    assert presence.time(30.0) == pytest.approx(3.0)  # there is no more than one allowance at a time


def test_what_nobody_watched_counts():
    presence = Presence(0.0)
    presence.skip(1000.0)
    assert presence.time(1000.0) == 1000.0
    assert presence.time(1001.0) == 1001.0


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=50))
def test_it_never_goes_back_and_never_runs_ahead(steps: list[tuple[float, bool]]) -> None:
    presence, now, before, beats = Presence(0.0), 0.0, 0.0, 1
    for passes_s, is_beat in steps:
        now += passes_s
        time = presence.time(now)
        assert before - 1e-6 <= time <= now + 1e-6
        assert time <= beats * ALLOWANCE_S + 1e-6
        before = time
        if is_beat:
            beat(presence, now)
            beats += 1
