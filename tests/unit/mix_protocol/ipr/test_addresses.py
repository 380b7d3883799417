from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_network

from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.ipr.addresses import ROUTER_IPV4, ROUTER_IPV6, AddressPool


def test_pairs_share_their_number_and_lie_in_the_pool():
    pool = AddressPool(SeededRandom(1))
    pairs = [pool.allocate() for _ in range(1000)]
    assert len(set(pairs)) == 1000
    for pair in pairs:
        assert pair.ipv4 in ip_network("10.0.0.0/16")
        assert pair.ipv6 in IPv6Network("fc00::/112")
        assert int(pair.ipv4) & 0xFFFF == int(pair.ipv6) & 0xFFFF
    assert not {ROUTER_IPV4, IPv4Address("10.0.0.0"), IPv4Address("10.0.255.255")} & {pair.ipv4 for pair in pairs}
    assert (IPv4Address("10.0.0.1"), IPv6Address("fc00::1")) == (ROUTER_IPV4, ROUTER_IPV6)


def test_an_empty_pool_gives_nothing_until_something_comes_back():
    pool = AddressPool(SeededRandom(1), max_clients=2)
    first, second = pool.allocate(), pool.allocate()
    assert pool.allocate() is None
    pool.release(first)
    third = pool.allocate()
    assert third is not None
    assert third != second


def test_a_source_that_always_draws_the_same_number_does_not_hang():
    pool = AddressPool(bytes)
    assert pool.allocate() is not None
    assert pool.allocate() is None
