"""How fast clients may send, by a clock of the test's."""

from __future__ import annotations

from mix_network.gateway.rate_limits import _MAX_BUCKETS, LEAST_COST_BYTES, Buckets, RateLimiter, Rates


def test_a_bucket_may_be_overdrawn_once_and_is_paid_for_by_waiting():
    buckets = Buckets(rate=10, depth=40)
    assert buckets.take("a", 40, 0.0) == 0
    assert buckets.take("a", 5, 0.0) == 0.5
    assert buckets.take("b", 40, 0.0) == 0
    assert buckets.take("a", 0, 0.5) == 0
    assert buckets.take("a", 40, 100.0) == 0
    assert buckets.take("a", 1, 100.0) == 0.1


def test_what_is_not_there_is_not_taken():
    buckets = Buckets(rate=1, depth=2)
    assert [buckets.take_if_there("a", 1, now) for now in (0.0, 0.0, 0.5, 1.0, 1.5)] == [True, True, False, True, False]


def test_however_many_come_memory_is_bounded():
    buckets = Buckets(rate=1, depth=1)
    for number in range(_MAX_BUCKETS + 10):
        buckets.take(number, 1, 0.0)
    assert len(buckets) == _MAX_BUCKETS


def test_without_rates_nobody_waits():
    limiter = RateLimiter(Rates())
    assert limiter.delay(b"c", "203.0.113.9/32", 1 << 30, 0.0) == 0
    assert all(limiter.may_register("203.0.113.9/32", 0.0) for _ in range(1000))


def test_the_longer_of_both_waits_counts_and_short_messages_cost_as_much_as_a_kilobyte():
    rate = float(LEAST_COST_BYTES)
    limiter = RateLimiter(Rates(client_bytes_per_s=rate, address_bytes_per_s=2 * rate))
    assert limiter.delay(b"c", "here", 4 * LEAST_COST_BYTES, 0.0) == 0
    assert limiter.delay(b"c", "here", 1, 0.0) == 1
    assert limiter.delay(b"d", "here", 4 * LEAST_COST_BYTES, 0.0) == 0.5
    assert limiter.delay(None, "here", 1, 0.0) == 1
    assert limiter.delay(b"e", None, 1, 0.0) == 0  # this machine's own
    assert limiter.delay(None, "elsewhere", 1, 0.0) == 0


def test_new_clients_come_a_few_at_a_time_from_one_address():
    limiter = RateLimiter(Rates(registrations_per_minute=2))
    assert [limiter.may_register("here", 0.0) for _ in range(3)] == [True, True, False]
    assert limiter.may_register("there", 0.0)
    assert all(limiter.may_register(None, 0.0) for _ in range(10))
    assert limiter.may_register("here", 30.0)
