import pytest

from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.sphinx.errors import InvalidRoute
from mix_protocol.sphinx.geometry import FINAL_META_LENGTH, HEADER_LENGTH, MAX_HOPS, ROUTING_LENGTH, ROUTING_STEP_LENGTH
from mix_protocol.sphinx.header import BuiltHeader, draw_header, wrap_header
from mix_protocol.sphinx.version import SphinxVersion


def build(network, seed="header", **changes) -> BuiltHeader:
    arguments = {
        "route": network.route,
        "delays_ns": [1] * len(network.route),
        "destination": bytes(32),
        "version": SphinxVersion.SEEDED,
    }
    return wrap_header(network.crypto, draw_header(SeededRandom(seed), **{**arguments, **changes}))


@pytest.mark.parametrize("hops", range(1, MAX_HOPS + 1))
def test_every_route_gives_a_header_of_the_same_length(make_network, hops: int):
    built = build(make_network(hops))
    assert len(built.header) == HEADER_LENGTH
    assert len(built.hop_keys) == hops


def test_the_header_begins_with_the_public_key_of_the_drawn_secret(crypto: CryptoProvider, network):
    secret = SeededRandom("header")(32)
    assert build(network).header[:32] == crypto.x25519_public(secret)


@pytest.mark.parametrize("hops", range(1, MAX_HOPS + 1))
def test_the_padding_is_random_and_fills_what_the_route_leaves(make_network, hops: int):
    drawn = []
    random = SeededRandom("x")

    def counting(count: int) -> bytes:
        drawn.append(count)
        return random(count)

    network = make_network(hops)
    draw_header(
        counting,
        route=network.route,
        delays_ns=[0] * hops,
        destination=bytes(32),
        version=SphinxVersion.SEEDED,
    )
    assert drawn == [32, ROUTING_LENGTH - FINAL_META_LENGTH - ROUTING_STEP_LENGTH * (hops - 1)]


@pytest.mark.parametrize(
    "changes", [{"delays_ns": [0]}, {"delays_ns": [0, -1, 0, 0]}, {"destination": bytes(31)}, {"route": []}]
)
def test_what_no_header_can_say(network, changes):
    with pytest.raises(InvalidRoute):
        build(network, **changes)


def test_no_key_is_shown(network):
    built = build(network)
    assert "hop_keys" not in repr(built)
