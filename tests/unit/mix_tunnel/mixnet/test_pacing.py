import math

from mix_protocol.crypto.randomness import SeededRandom
from mix_tunnel.mixnet.pacing import MAX_BURST, MAX_MULTIPLIER, MAX_STRETCH, DelayMultiplier, PoissonStream


def test_deadlines_have_the_configured_mean_and_are_memoryless():
    stream = PoissonStream(SeededRandom(1), 0.02, now=0.0)
    gaps, previous = [], 0.0
    while len(gaps) < 5000:
        gaps.append(stream.deadline - previous)
        previous = stream.deadline
        assert stream.take_due(previous) == 1
    mean = sum(gaps) / len(gaps)
    deviation = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps))
    assert abs(mean - 0.02) < 0.001
    assert abs(deviation / mean - 1.0) < 0.06  # what tells an exponential from a regular beat


def test_the_number_due_in_an_interval_follows_the_rate():
    stream = PoissonStream(SeededRandom(2), 0.02, now=0.0)
    counts = [stream.take_due(tick * 0.05) for tick in range(1, 4001)]
    mean = sum(counts) / len(counts)
    variance = sum((count - mean) ** 2 for count in counts) / len(counts)
    assert abs(mean - 2.5) < 0.1
    assert abs(variance / mean - 1.0) < 0.15  # of a Poisson distribution both are equal


def test_nothing_is_due_before_the_deadline():
    stream = PoissonStream(SeededRandom(3), 1.0, now=100.0)
    assert stream.take_due(stream.deadline - 1e-9) == 0
    assert stream.take_due(stream.deadline) == 1


def test_after_a_long_sleep_missed_deadlines_are_skipped():
    stream = PoissonStream(SeededRandom(4), 0.02, now=0.0)
    assert stream.take_due(3600.0) == MAX_BURST
    assert stream.deadline > 3600.0


def test_the_multiplier_stretches_the_mean():
    stream = PoissonStream(SeededRandom(5), 0.02, now=0.0)
    now, count = 0.0, 0
    while count < 2000:
        now = stream.deadline
        count += stream.take_due(now, multiplier=4)
    assert abs(now / count - 0.08) < 0.006


def test_a_full_channel_slows_down_once_a_second_up_to_six():
    multiplier = DelayMultiplier(now=0.0)
    multiplier.note_waiting(32, 0.5)
    assert multiplier.value == 1  # not before a second has passed
    for second in range(1, 20):
        multiplier.note_waiting(32, float(second))
    assert multiplier.value == MAX_MULTIPLIER


def test_without_pressure_for_two_seconds_it_speeds_up_again_step_by_step():
    multiplier = DelayMultiplier(now=0.0)
    for second in (1.0, 2.0):
        multiplier.note_waiting(32, second)
    assert multiplier.value == 3
    multiplier.note_waiting(11, 3.0)  # more than 10 waiting is still pressure
    multiplier.note_waiting(0, 4.9)
    assert multiplier.value == 3
    multiplier.note_waiting(0, 5.0)
    assert multiplier.value == 2
    multiplier.note_waiting(0, 6.9)
    assert multiplier.value == 2
    multiplier.note_waiting(0, 7.0)
    assert multiplier.value == 1
    multiplier.note_waiting(0, 60.0)
    assert multiplier.value == 1


def test_a_process_that_gets_to_run_late_sends_less_and_then_more_again():
    multiplier = DelayMultiplier(now=0.0)
    multiplier.note_lag(0.1)
    assert multiplier.stretch == 1.0
    multiplier.note_lag(2.0)
    assert multiplier.stretch == 1.0  # once is a hiccup
    for _ in range(3):
        multiplier.note_lag(0.5)
    assert multiplier.stretch == 8.0
    multiplier.note_lag(0.2)  # neither late nor in time
    assert multiplier.stretch == 8.0
    for _ in range(10):
        multiplier.note_lag(5.0)
    assert multiplier.stretch == MAX_STRETCH
    for _ in range(20):
        multiplier.note_lag(0.01)
    assert multiplier.stretch == 1.0
    assert multiplier.value == 1
