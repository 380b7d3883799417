from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_network

from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.ipr.addresses import ROUTER_IPV4, ROUTER_IPV6, AddressPool, client_number


def test_pairs_share_their_number_and_lie_in_the_pool():
    pool = AddressPool(SeededRandom(1))
    pairs = [pool.allocate(0.0) for _ in range(1000)]
    assert len(set(pairs)) == 1000
    for pair in pairs:
        assert pair.ipv4 in ip_network("10.0.0.0/16")
        assert pair.ipv6 in IPv6Network("fc00::/112")
        assert int(pair.ipv4) & 0xFFFF == int(pair.ipv6) & 0xFFFF
    assert not {ROUTER_IPV4, IPv4Address("10.0.0.0"), IPv4Address("10.0.255.255")} & {pair.ipv4 for pair in pairs}
    assert (IPv4Address("10.0.0.1"), IPv6Address("fc00::1")) == (ROUTER_IPV4, ROUTER_IPV6)


def test_an_empty_pool_gives_nothing_until_something_comes_back():
    pool = AddressPool(SeededRandom(1), max_clients=2)
    first, second = pool.allocate(0.0), pool.allocate(0.0)
    assert pool.allocate(0.0) is None
    pool.release(first, 1.0)
    third = pool.allocate(1.0)
    assert third is not None
    assert third not in (first, second)


def test_a_source_that_always_draws_the_same_number_does_not_hang():
    pool = AddressPool(bytes)
    first = pool.allocate(0.0)
    assert first is not None
    assert pool.allocate(0.0) is None
    # What rests goes out early only where nothing else is left.
    pool.release(first, 1.0)
    assert pool.allocate(2.0) == first


def test_a_pair_that_came_back_rests_before_somebody_else_gets_it():
    drawn: list[int] = []

    def draw_two_numbers_in_turns(length: int) -> bytes:
        drawn.append(0)
        return (len(drawn) % 2).to_bytes(length, "big")

    pool = AddressPool(draw_two_numbers_in_turns, quarantine_s=120.0)
    first = pool.allocate(0.0)
    assert first is not None
    pool.release(first, 10.0)
    second = pool.allocate(129.0)
    assert second not in (None, first)
    assert pool.allocate(130.0) == first


def test_both_addresses_tell_the_clients_number():
    pair = AddressPool(SeededRandom(1)).allocate(0.0)
    assert pair is not None
    assert client_number(pair.ipv4.packed) == client_number(pair.ipv6.packed)
