from hypothesis import given
from hypothesis import strategies as st

from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.crypto.randomness import SeededRandom
from mix_tunnel.runtime.client_keys import ClientKeys


def test_keys_survive_storage():
    keys = ClientKeys.draw(SeededRandom(1))
    keys.gateway_keys[b"g" * 32] = b"s" * 32
    keys.gateway_keys[b"h" * 32] = b"t" * 32
    keys.authenticated_at = 1_795_248_456
    assert ClientKeys.decode(keys.encode()) == keys


@given(st.binary(max_size=300))
def test_anything_else_in_storage_is_no_keys_or_valid_ones(data: bytes):
    keys = ClientKeys.decode(data)
    if keys is not None:
        assert len(keys.identity_seed) == len(keys.encryption_secret) == 32


def test_secrets_are_not_shown():
    keys = ClientKeys.draw(SeededRandom(2))
    keys.gateway_keys[b"g" * 32] = b"s" * 32
    assert repr(keys) == "ClientKeys(authenticated_at=0)"


def test_the_address_consists_of_the_public_keys_and_the_gateway():
    crypto = NativeCrypto()
    keys = ClientKeys.draw(SeededRandom(5))
    recipient = keys.recipient_at(b"g" * 32, crypto)
    assert recipient.identity == crypto.ed25519_public(keys.identity_seed)
    assert recipient.encryption_key == crypto.x25519_public(keys.encryption_secret)
    assert recipient.gateway == b"g" * 32
