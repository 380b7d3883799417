from collections import Counter
from statistics import fmean

import pytest

from mix_protocol.crypto.randomness import (
    SeededRandom,
    choose,
    exponential,
    exponentials,
    uniform,
    uniform_below,
)


def test_a_seed_repeats_and_another_differs():
    assert SeededRandom(1)(100) == SeededRandom(1)(100)
    assert SeededRandom(1)(100) != SeededRandom(2)(100)


def test_the_stream_does_not_depend_on_the_pieces():
    whole, parts = SeededRandom("s")(10_000), SeededRandom("s")
    assert b"".join(parts(1000) for _ in range(10)) == whole


def test_uniform_below_covers_its_range_evenly():
    random = SeededRandom(3)
    counts = Counter(uniform_below(random, 5) for _ in range(5000))
    assert sorted(counts) == [0, 1, 2, 3, 4]
    assert min(counts.values()) > 850


def test_uniform_below_never_keeps_a_biased_value():
    answers = iter([b"\xff\xff", b"\x00\x07"])
    assert uniform_below(lambda _: next(answers), 3) == 1


@pytest.mark.parametrize("bound", [0, -1])
def test_an_empty_range_is_refused(bound: int):
    with pytest.raises(ValueError, match="at least 1"):
        uniform_below(SeededRandom(0), bound)


def test_uniform_stays_inside():
    assert uniform(lambda count: b"\xff" * count) < 1
    assert uniform(bytes) == 0


def test_exponential_has_its_mean():
    random = SeededRandom(4)
    draws = [exponential(random, 20.0) for _ in range(5000)]
    assert min(draws) >= 0
    assert fmean(draws) == pytest.approx(20, rel=0.05)


def test_choices():
    random = SeededRandom(5)
    assert {choose(random, "abc") for _ in range(100)} == {"a", "b", "c"}


def test_many_exponentials_are_those_that_come_one_by_one():
    one_by_one, at_once = SeededRandom(3), SeededRandom(3)
    assert exponentials(at_once, 20.0, 5) == [exponential(one_by_one, 20.0) for _ in range(5)]
    assert at_once(8) == one_by_one(8)
    assert exponentials(at_once, 20.0, 0) == []
