"""The DNS cache: TTLs on a given clock, and a bound."""

from __future__ import annotations

from ipaddress import IPv4Address

from mix_tunnel.runtime.dns.cache import DnsCache
from mix_tunnel.runtime.dns.errors import NameNotFound

ONE = (IPv4Address("192.0.2.1"),)


def test_an_answer_lives_for_its_ttl():
    cache = DnsCache()
    cache.put("a.test", ONE, None, 60, now=100.0)
    assert cache.get("a.test", 159.9).addresses == ONE
    assert cache.get("a.test", 160.0) is None
    assert len(cache) == 0


def test_ttl_zero_is_not_kept():
    cache = DnsCache()
    cache.put("a.test", ONE, None, 0, now=0.0)
    assert len(cache) == 0


def test_a_ttl_of_years_is_a_day():
    cache = DnsCache()
    cache.put("a.test", ONE, None, 2**31 - 1, now=0.0)
    assert cache.get("a.test", 86_399.0) is not None
    assert cache.get("a.test", 86_400.0) is None


def test_refusals_are_kept_too():
    cache = DnsCache()
    cache.put("a.test", (), NameNotFound, 60, now=0.0)
    assert cache.get("a.test", 1.0).error is NameNotFound


def test_the_one_used_longest_ago_leaves_first():
    cache = DnsCache(capacity=2)
    for name in ("a", "b"):
        cache.put(name, ONE, None, 60, now=0.0)
    cache.get("a", 1.0)
    cache.put("c", ONE, None, 60, now=1.0)
    assert [cache.get(name, 2.0) is not None for name in "abc"] == [True, False, True]


def test_clearing():
    cache = DnsCache()
    cache.put("a", ONE, None, 60, now=0.0)
    cache.clear()
    assert cache.get("a", 0.0) is None
