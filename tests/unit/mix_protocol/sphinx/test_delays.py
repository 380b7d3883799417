import pytest

from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.sphinx.delays import MAX_HOLD_NS, draw_delays_ns, forward_delay_s, hold_time_s


def test_delays_are_exponential_about_their_mean():
    delays = draw_delays_ns(SeededRandom("delays"), 20_000, 15.0)
    assert sum(delays) / len(delays) == pytest.approx(15e6, rel=0.03)
    # An exponential's median is ln 2 of its mean, and its deviation is its mean.
    assert sorted(delays)[10_000] == pytest.approx(15e6 * 0.6931, rel=0.05)
    assert all(isinstance(delay, int) and delay >= 0 for delay in delays)


def test_a_mean_of_zero_means_no_delay():
    assert draw_delays_ns(SeededRandom(1), 4, 0) == (0, 0, 0, 0)


def test_the_last_hops_delay_does_not_count():
    assert forward_delay_s((1_000_000, 2_000_000, 3_000_000, 999)) == pytest.approx(0.006)
    assert forward_delay_s((5,)) == 0


def test_nodes_hold_no_longer_than_ten_seconds():
    assert hold_time_s(2_500_000_000) == 2.5
    assert hold_time_s(MAX_HOLD_NS + 1) == hold_time_s(2**64 - 1) == 10.0
