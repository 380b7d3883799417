"""The sender's keys are those that each hop derives on its own."""

from itertools import pairwise

import pytest

from mix_protocol.crypto.provider import CryptoProvider, InvalidPublicKey
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.sphinx import key_agreement
from mix_protocol.sphinx.key_agreement import agree_with_route, chain_x25519
from mix_protocol.sphinx.keys import expand_shared_secret

TWIST_POINT = (2).to_bytes(32, "little")
LOW_ORDER_POINT = (1).to_bytes(32, "little")


def agree_by_chain(crypto: CryptoProvider, initial_secret: bytes, public_keys: list[bytes]):
    """The definition: every step one X25519."""
    steps, agreed = [initial_secret], []
    for public_key in public_keys:
        agreed.append(expand_shared_secret(crypto, chain_x25519(crypto, steps, public_key)))
        steps.append(agreed[-1].blinding_factor)
    return agreed


def test_hops_derive_the_same_keys(crypto: CryptoProvider):
    random = SeededRandom("agreement")
    secrets = [random(32) for _ in range(5)]
    initial_secret = random(32)
    agreed = agree_with_route(crypto, initial_secret, [crypto.x25519_public(secret) for secret in secrets])
    alpha = crypto.x25519_public(initial_secret)
    for secret, keys in zip(secrets, agreed, strict=True):
        assert keys == expand_shared_secret(crypto, crypto.x25519(secret, alpha))
        alpha = crypto.x25519(keys.blinding_factor, alpha)


def test_one_multiplication_for_each_hop(crypto: CryptoProvider, monkeypatch: pytest.MonkeyPatch):
    random = SeededRandom("count")
    publics = [crypto.x25519_public(random(32)) for _ in range(4)]
    calls = []

    def counted(self, secret: bytes, point: bytes) -> bytes:
        calls.append(point)
        return x25519(self, secret, point)

    x25519 = type(crypto).x25519
    monkeypatch.setattr(type(crypto), "x25519", counted)
    agree_with_route(crypto, random(32), publics)
    assert calls == publics


def test_a_key_on_the_twist_is_agreed_with_step_by_step(crypto: CryptoProvider):
    random = SeededRandom("twist")
    on_twist = crypto.x25519(random(32), TWIST_POINT)
    publics = [crypto.x25519_public(random(32)), on_twist, crypto.x25519_public(random(32)), on_twist]
    initial_secret = random(32)
    agreed = agree_with_route(crypto, initial_secret, publics)
    assert agreed == agree_by_chain(crypto, initial_secret, publics)
    assert all(first != second for first, second in pairwise(agreed))


def test_a_product_without_a_secret_is_agreed_with_step_by_step(
    crypto: CryptoProvider, monkeypatch: pytest.MonkeyPatch
):
    random = SeededRandom("unlucky")
    publics = [crypto.x25519_public(random(32)) for _ in range(4)]
    initial_secret = random(32)
    at_once = agree_with_route(crypto, initial_secret, publics)
    monkeypatch.setattr(key_agreement, "secret_for_scalar", lambda _: None)
    assert agree_with_route(crypto, initial_secret, publics) == at_once


@pytest.mark.parametrize("position", range(3))
def test_a_key_of_low_order_is_refused(crypto: CryptoProvider, position: int):
    random = SeededRandom("low order")
    publics = [crypto.x25519_public(random(32)) for _ in range(3)]
    publics[position] = LOW_ORDER_POINT
    with pytest.raises(InvalidPublicKey):
        agree_with_route(crypto, random(32), publics)
