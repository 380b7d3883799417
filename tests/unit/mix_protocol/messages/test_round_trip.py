import pytest

from mix_protocol.messages.round_trip import (
    INITIAL_TIMEOUT_S,
    MAXIMUM_TIMEOUT_S,
    MINIMUM_TIMEOUT_S,
    RoundTripEstimator,
)


def estimator(*samples: float, under_way: int = 1) -> RoundTripEstimator:
    made = RoundTripEstimator()
    for sample in samples:
        made.sample(sample, under_way)
    return made


def test_before_the_first_sample_it_waits_long():
    assert (estimator().srtt_s, estimator().timeout_s) == (None, INITIAL_TIMEOUT_S)


def test_the_first_samples_are_those_of_rfc_6298():
    first = estimator(2.0)
    assert (first.srtt_s, first.rttvar_s, first.timeout_s) == (2.0, 1.0, 6.0)
    second = estimator(2.0, 3.0)
    assert (second.srtt_s, second.rttvar_s) == (2.125, 1.0)


def test_a_quick_path_is_given_a_second():
    assert estimator(0.05).timeout_s == MINIMUM_TIMEOUT_S


def test_a_steady_path_keeps_some_tolerance():
    steady = estimator(*[4.0] * 200)
    assert steady.rttvar_s < 0.01
    assert steady.timeout_s == pytest.approx(5.0)


def test_one_long_sample_makes_the_timeout_longer_than_it():
    jumped = estimator(*[0.3] * 100, 3.0, under_way=40)
    assert 3.0 < jumped.timeout_s < 4.0


def test_many_short_samples_in_one_round_trip_do_not_wash_a_long_one_away():
    few, many = estimator(3.0, *[0.5] * 20), estimator(3.0, *[0.5] * 20, under_way=40)
    assert few.srtt_s is not None
    assert many.srtt_s is not None
    assert few.srtt_s < 0.8 < 2.0 < many.srtt_s
    assert many.timeout_s > 3.0


def test_it_backs_off_up_to_a_minute_until_the_next_sample():
    subject = estimator(2.0)
    waits = []
    for _ in range(8):
        subject.back_off()
        waits.append(subject.timeout_s)
    assert waits == [12.0, 24.0, 48.0] + [MAXIMUM_TIMEOUT_S] * 5
    subject.sample(2.0, 1)
    assert subject.timeout_s == 5.0


def test_a_sample_below_nothing_counts_as_nothing():
    assert estimator(-0.1).srtt_s == 0.0


def test_doublings_of_its_own_leave_the_estimate_alone():
    subject = estimator(2.0)
    assert [subject.backed_off_s(doublings) for doublings in range(5)] == [6.0, 12.0, 24.0, 48.0, MAXIMUM_TIMEOUT_S]
    assert subject.timeout_s == 6.0
