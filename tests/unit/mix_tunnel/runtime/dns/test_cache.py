"""The DNS cache: TTLs on a given clock, what a "no" holds for, and bounds."""

from __future__ import annotations

from mix_tunnel.runtime.dns.answers import Answer
from mix_tunnel.runtime.dns.cache import DnsCache
from mix_tunnel.runtime.dns.errors import NameNotFound, NoAddress
from mix_tunnel.runtime.dns.records import DnsRecord

ONE = (DnsRecord("A", 60, "192.0.2.1", {"address": "192.0.2.1"}),)


def put(cache: DnsCache, name: str, ttl_s: int = 60, now: float = 0.0, **more) -> None:
    cache.put(name, "A", Answer(name, more.pop("records", ONE), ttl_s, **more), "server", "udp", now)


def test_an_answer_lives_for_its_ttl():
    cache = DnsCache()
    put(cache, "a.test", 60, now=100.0)
    assert cache.get("a.test", "A", 159.9).answer.records == ONE
    assert cache.get("a.test", "A", 160.0) is None
    assert len(cache) == 0


def test_its_age_is_never_told_too_low():
    cache = DnsCache()
    put(cache, "a.test", 60, now=100.0)
    kept = cache.get("a.test", "A", 100.0)
    assert [kept.age_s(now) for now in (100.0, 100.1, 101.0, 130.5)] == [0, 1, 1, 31]


def test_types_are_kept_apart():
    cache = DnsCache()
    put(cache, "a.test")
    assert cache.get("a.test", "AAAA", 1.0) is None


def test_ttl_zero_is_not_kept_and_ends_what_was():
    cache = DnsCache()
    put(cache, "a.test")
    put(cache, "a.test", 0)
    assert len(cache) == 0


def test_that_a_name_is_missing_holds_for_all_types():
    cache = DnsCache()
    put(cache, "a.test", records=(), error=NameNotFound)
    assert cache.get("a.test", "MX", 1.0).answer.error is NameNotFound


def test_that_an_alias_leads_to_nothing_holds_for_the_type_asked_for():
    cache = DnsCache()
    put(cache, "a.test", records=(), error=NameNotFound, aliases=1)
    assert cache.get("a.test", "A", 1.0).answer.error is NameNotFound
    assert cache.get("a.test", "CNAME", 1.0) is None


def test_no_data_holds_for_its_type():
    cache = DnsCache()
    put(cache, "a.test", records=(), error=NoAddress)
    assert cache.get("a.test", "A", 1.0).answer.error is NoAddress
    assert cache.get("a.test", "MX", 1.0) is None


def test_the_one_used_longest_ago_leaves_first():
    cache = DnsCache(capacity=2)
    for name in ("a", "b"):
        put(cache, name)
    cache.get("a", "A", 1.0)
    put(cache, "c", now=1.0)
    assert [cache.get(name, "A", 2.0) is not None for name in "abc"] == [True, False, True]


def test_large_answers_displace_small_ones_by_their_size():
    cache = DnsCache(capacity_bytes=10_000)
    for name in "abc":
        put(cache, name, size_bytes=4_000)
    assert [cache.get(name, "A", 1.0) is not None for name in "abc"] == [False, True, True]
    put(cache, "d", size_bytes=65_000)  # larger than all that may be kept
    assert len(cache) == 0


def test_clearing():
    cache = DnsCache(capacity_bytes=10_000)
    put(cache, "a", size_bytes=9_000)
    cache.clear()
    assert cache.get("a", "A", 0.0) is None
    put(cache, "b", size_bytes=9_000)
    assert cache.get("b", "A", 1.0) is not None
