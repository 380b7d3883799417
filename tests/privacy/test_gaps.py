"""The measure of times: what is no Poisson process is found, and what a timer's grain does to one is not."""

from __future__ import annotations

import numpy as np
from support.vantage.gaps import GRAIN_S, critical_distance, distance

RATE = 55.0


def test_gaps_of_a_poisson_process_are_as_far_from_it_as_chance_makes_them() -> None:
    gaps = np.random.default_rng(1).exponential(1 / RATE, 5000)
    assert 0.0 < distance(gaps, RATE) < critical_distance(5000)
    assert critical_distance(5000) < 0.03


def test_timers_that_are_late_by_up_to_a_millisecond_are_seen_and_forgiven() -> None:
    times = np.cumsum(np.random.default_rng(2).exponential(1 / RATE, 5000))
    gaps = np.diff(np.ceil(times / GRAIN_S) * GRAIN_S)
    assert distance(gaps, RATE) > critical_distance(5000)
    assert distance(gaps, RATE, GRAIN_S) < critical_distance(5000)


def test_work_that_delays_packets_by_several_milliseconds_is_found() -> None:
    times = np.cumsum(np.random.default_rng(3).exponential(1 / RATE, 5000))
    gaps = np.diff(np.ceil(times / 0.008) * 0.008)
    assert distance(gaps, RATE, GRAIN_S) > critical_distance(5000)


def test_another_rate_is_found() -> None:
    gaps = np.random.default_rng(4).exponential(1 / (1.2 * RATE), 5000)
    assert distance(gaps, RATE, GRAIN_S) > critical_distance(5000)
