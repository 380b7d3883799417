from dataclasses import replace

import pytest

from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.gateway.authentication import check_request, has_valid_signature, make_request
from mix_protocol.gateway.errors import (
    InvalidClientSignature,
    MalformedFrame,
    StaleRequest,
    UnknownClient,
    UnsupportedClientVersion,
)
from mix_protocol.gateway.registry import ClientRegistry

SEED, KEY, NOW = b"s" * 32, b"k" * 32, 1_800_000_000


@pytest.fixture
def registry(crypto):
    registry = ClientRegistry()
    registry.register(crypto.ed25519_public(SEED), KEY)
    return registry


def request(crypto, *, seed=SEED, key=KEY, version=6, time=NOW):
    return make_request(crypto, SeededRandom(time), seed, key, version, time)


@pytest.mark.parametrize("version", [4, 5, 6])
def test_a_good_request(crypto, registry, version):
    message = request(crypto, version=version)
    assert (len(message.address_ciphertext), len(message.nonce), len(message.signature)) == (48, 12, 64)
    record = check_request(crypto, registry, message, NOW + 0.9)
    assert record.identity == crypto.ed25519_public(SEED)
    assert record.last_timestamp == NOW


@pytest.mark.parametrize("version", [0, 3, 7, 255])
def test_versions(crypto, registry, version):
    with pytest.raises(UnsupportedClientVersion):
        check_request(crypto, registry, request(crypto, version=version), NOW)


@pytest.mark.parametrize(("skew", "accepted"), [(-121, False), (-120, True), (120, True), (121, False)])
def test_clock_skew(crypto, registry, skew, accepted):
    message = request(crypto, time=NOW + skew)
    if accepted:
        check_request(crypto, registry, message, NOW)
    else:
        with pytest.raises(StaleRequest, match="clock"):
            check_request(crypto, registry, message, NOW)


def test_a_replay(crypto, registry):
    check_request(crypto, registry, request(crypto), NOW)
    for time in (NOW, NOW - 1):
        with pytest.raises(StaleRequest, match="before"):
            check_request(crypto, registry, request(crypto, time=time), NOW)
    check_request(crypto, registry, request(crypto, time=NOW + 1), NOW)


def test_a_signature_of_another_key(crypto, registry):
    forged = replace(request(crypto, seed=b"x" * 32), client_identity=crypto.ed25519_public(SEED))
    assert not has_valid_signature(crypto, forged)
    with pytest.raises(InvalidClientSignature):
        check_request(crypto, registry, forged, NOW)


@pytest.mark.parametrize("change", [{"unix_timestamp": NOW + 1}, {"nonce": b"n" * 12}, {"protocol_version": 5}])
def test_everything_is_signed(crypto, registry, change):
    with pytest.raises(InvalidClientSignature):
        check_request(crypto, registry, replace(request(crypto), **change), NOW)


@pytest.mark.parametrize("change", [{"nonce": b"n" * 11}, {"address_ciphertext": b"c" * 47}])
def test_lengths(crypto, registry, change):
    with pytest.raises(MalformedFrame):
        check_request(crypto, registry, replace(request(crypto), **change), NOW)


def test_a_stranger(crypto):
    with pytest.raises(UnknownClient):
        check_request(crypto, ClientRegistry(), request(crypto), NOW)


def test_a_forgotten_key(crypto, registry):
    with pytest.raises(UnknownClient):
        check_request(crypto, registry, request(crypto, key=b"x" * 32), NOW)


def test_a_failed_request_does_not_use_up_its_timestamp(crypto, registry):
    with pytest.raises(UnknownClient):
        check_request(crypto, registry, request(crypto, key=b"x" * 32), NOW)
    check_request(crypto, registry, request(crypto), NOW)
