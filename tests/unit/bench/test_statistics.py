"""Figures of several rounds."""

import pytest
from bench.side_by_side.statistics import Summary, percentile, ratio
from hypothesis import given
from hypothesis import strategies as st

FIGURES = st.lists(st.floats(0, 1e6), min_size=1, max_size=30)


@given(FIGURES)
def test_a_summary_is_in_order(figures: list[float]):
    summary = Summary.of(figures)
    assert summary is not None
    assert summary.min <= summary.median <= summary.max
    assert summary.rounds == len(figures)


def test_nothing_has_no_summary():
    assert Summary.of([]) is None


def test_the_ratio_is_that_of_the_medians():
    assert ratio(Summary.of([1, 2, 90]), Summary.of([4, 5])) == pytest.approx(2 / 4.5)


def test_there_is_no_ratio_to_nothing():
    assert ratio(Summary.of([1]), None) is None
    assert ratio(None, Summary.of([1])) is None
    assert ratio(Summary.of([1]), Summary.of([0])) is None


@pytest.mark.parametrize(("share", "expected"), [(0, 1), (0.5, 10), (0.95, 19), (1, 20)])
def test_percentiles_are_samples(share: float, expected: float):
    assert percentile(range(20, 0, -1), share) == expected


@given(FIGURES, st.floats(0, 1))
def test_a_percentile_leaves_that_share_below(figures: list[float], share: float):
    value = percentile(figures, share)
    assert value in figures
    assert sum(figure <= value for figure in figures) >= share * len(figures) - 1e-6
