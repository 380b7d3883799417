"""The measure itself: it finds what is there, and nothing where nothing is."""

from __future__ import annotations

import numpy as np
import pytest
from support.vantage.telling import tell_apart, with_bounds


def test_nothing_is_told_where_there_is_nothing_however_many_figures_there_are() -> None:
    random = np.random.default_rng(1)
    values = [tell_apart(random.normal(size=(24, 40)), random.normal(size=(24, 40))).value for _ in range(12)]
    assert abs(np.mean(values) - 0.5) < 0.08


def test_a_small_difference_of_one_figure_among_many_is_found() -> None:
    random = np.random.default_rng(2)
    idle, busy = random.normal(size=(300, 20)), random.normal(size=(300, 20))
    busy[:, 7] += 1.0
    assert tell_apart(idle, busy).low > 0.6


def test_a_figure_that_is_neither_larger_nor_smaller_but_more_spread_is_found() -> None:
    random = np.random.default_rng(3)
    idle, busy = random.normal(size=(300, 5)), random.normal(size=(300, 5))
    busy[:, 2] *= 4.0
    assert tell_apart(idle, busy).low > 0.6


def test_bounds_are_those_of_hanley_and_mcneil() -> None:
    # Their table of AUC 0.893 with 51 diseased and 58 normal: a standard error of 0.032.
    auc = with_bounds(0.893, 58, 51)
    assert (auc.high - auc.low) / (2 * 1.96) == pytest.approx(0.032, abs=0.002)
    assert with_bounds(1.0, 10, 10) == (1.0, 1.0, 1.0)


def test_nineteen_of_twenty_bounds_hold_where_there_is_nothing() -> None:
    random = np.random.default_rng(4)
    told = [tell_apart(random.normal(size=(60, 9)), random.normal(size=(30, 9))) for _ in range(40)]
    assert sum(not auc.low <= 0.5 <= auc.high for auc in told) <= 5  # more come by a chance of 1 in 70
