import pytest

from mix_protocol.crypto.provider import CryptoProvider, InvalidPublicKey
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.messages.encryption import TruncatedPayload, decrypt_from_sender, encrypt_to_recipient

EPHEMERAL = bytes.fromhex("f70eabc26f0e5a830c97e187131c5b143cba9f9862af67a77db4cba79e86de9f")
RECIPIENT = bytes.fromhex("d60f3abd40ef56e15ac8de9aaed239ab910ad1bc0823d81632a9b9c1e9bb76cc")


def test_the_key_is_derived_as_in_the_model(crypto: CryptoProvider):
    # tests/vectors/sphinx-model.json, e2e_key
    plaintext = bytes(100)
    sealed = encrypt_to_recipient(crypto, lambda count: EPHEMERAL, crypto.x25519_public(RECIPIENT), plaintext)
    assert sealed[:32].hex() == "ea26f0f3d475b7770e6adf43f4d9a214f95982fedd61eda489064edfaec9a74a"
    assert sealed[32:] == crypto.aes128_ctr(bytes.fromhex("8ab8270f259d10259e6b04425f563961"), plaintext)


def test_the_recipient_reads_it(crypto: CryptoProvider, random: SeededRandom):
    sealed = [encrypt_to_recipient(crypto, random, crypto.x25519_public(RECIPIENT), b"hello") for _ in range(2)]
    assert sealed[0] != sealed[1]
    assert [decrypt_from_sender(crypto, RECIPIENT, one) for one in sealed] == [b"hello", b"hello"]
    assert decrypt_from_sender(crypto, EPHEMERAL, sealed[0]) != b"hello"


def test_payloads_without_a_usable_key_are_refused(crypto: CryptoProvider):
    with pytest.raises(TruncatedPayload):
        decrypt_from_sender(crypto, RECIPIENT, bytes(31))
    with pytest.raises(InvalidPublicKey):
        decrypt_from_sender(crypto, RECIPIENT, bytes(100))
    assert decrypt_from_sender(crypto, RECIPIENT, crypto.x25519_public(EPHEMERAL)) == b""
