"""Loss detection by time."""

from __future__ import annotations

import pytest

from mix_protocol.netstack.tcp.rack import Rack
from mix_protocol.netstack.tcp.retransmission_queue import RetransmissionQueue
from mix_protocol.netstack.tcp.rtt import RttEstimator


def estimator(*samples: float) -> RttEstimator:
    rtt = RttEstimator(3.0, 1.0, 60.0)
    for at, sample in enumerate(samples):
        rtt.sample(sample, float(at))
    return rtt


def test_a_steady_path_tolerates_a_quarter_of_a_round_trip() -> None:
    rack = Rack(estimator(*[0.2] * 60))
    assert rack.reordering_window_s == pytest.approx(0.05, rel=0.01)


def test_a_path_that_varies_tolerates_its_variation_up_to_a_round_trip() -> None:
    rtt = estimator(*[0.1, 0.3] * 50)
    assert Rack(rtt).reordering_window_s == rtt.srtt_s
    rtt = estimator(*[0.18, 0.22] * 50)
    assert Rack(rtt).reordering_window_s == pytest.approx(4 * rtt.rttvar_s)


def test_reports_of_needless_retransmissions_widen_the_window_once_a_round_and_for_a_while() -> None:
    rtt = estimator(*[0.2] * 60)
    rack = Rack(rtt)
    rack.on_dsack(0, 1000)
    rack.on_dsack(500, 2000)  # the same round
    assert rack.reordering_window_s == pytest.approx(0.1, rel=0.01)
    rack.on_dsack(1000, 3000)
    assert rack.reordering_window_s == pytest.approx(0.15, rel=0.01)
    for una in range(3000, 100_000, 1000):
        rack.on_dsack(una, una + 1000)
    assert rack.reordering_window_s == pytest.approx(0.4)  # two round trips at most
    for _ in range(16):
        rack.on_recovered()
    assert rack.reordering_window_s == pytest.approx(0.05, rel=0.01)


def test_what_left_before_an_arrival_is_lost_when_its_time_is_over() -> None:
    queue = RetransmissionQueue()
    rack = Rack(estimator(*[0.2] * 60))
    first = queue.sent(0, 1000, False, 0.0)
    second = queue.sent(1000, 2000, False, 0.01)
    third = queue.sent(2000, 3000, False, 0.02)
    [arrived] = queue.sack(1000, 2000)
    assert arrived is second
    rack.on_delivered(arrived, 0.21)
    lost, again_at = rack.detect_losses(queue, 0.21)
    assert lost == []
    assert again_at == pytest.approx(0.25, abs=0.001)
    lost, again_at = rack.detect_losses(queue, 0.26)
    assert (lost, again_at) == ([first], None)
    assert not third.lost  # nothing that left after it has arrived


def test_an_answer_too_quick_to_be_for_the_retransmission_teaches_nothing() -> None:
    queue = RetransmissionQueue()
    rack = Rack(estimator(*[0.2] * 60))
    segment = queue.sent(0, 1000, False, 0.0)
    queue.resent(segment, 1.0)
    rack.on_delivered(segment, 1.05)
    assert rack.rtt_s == 0.0
    rack.on_delivered(segment, 1.25)
    assert rack.rtt_s == pytest.approx(0.25)


def test_looking_costs_no_more_than_what_it_finds() -> None:
    """A full window in flight is not walked through at each acknowledgment."""
    queue = RetransmissionQueue()
    rack = Rack(estimator(*[0.2] * 60))
    for start in range(0, 1_000_000, 1000):
        queue.sent(start, start + 1000, False, start / 1e6)
    for segment in queue.sack(500_000, 501_000):
        rack.on_delivered(segment, 0.7)
    looked_at = 0

    class Counting(dict):  # type: ignore[type-arg]
        def __iter__(self):  # type: ignore[no-untyped-def]
            nonlocal looked_at
            for item in super().__iter__():
                looked_at += 1
                yield item

    queue._by_time = Counting(queue._by_time)  # type: ignore[assignment]
    lost, _ = rack.detect_losses(queue, 0.7)
    assert looked_at == len(lost) + 1
