import pytest

from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.sphinx import lioness
from mix_protocol.sphinx.geometry import PAYLOAD_KEY_LENGTH

RANDOM = SeededRandom("lioness")
KEYS = [RANDOM(PAYLOAD_KEY_LENGTH) for _ in range(3)]


@pytest.mark.parametrize("length", [33, 38, 64, 2065, 32785])
def test_decryption_undoes_encryption_key_by_key(crypto: CryptoProvider, length: int):
    block = RANDOM(length)
    sealed = lioness.encrypt(crypto, KEYS, block)
    assert len(sealed) == length
    for key in reversed(KEYS):
        sealed = lioness.decrypt(crypto, key, sealed)
    assert sealed == block


@pytest.mark.parametrize("position", [0, 31, 32, 96, 191])
def test_every_part_of_the_key_counts(crypto: CryptoProvider, position: int):
    key = bytearray(KEYS[0])
    key[position] ^= 1
    assert lioness.encrypt(crypto, [bytes(key)], bytes(100)) != lioness.encrypt(crypto, KEYS[:1], bytes(100))


def test_no_key_changes_nothing(crypto: CryptoProvider):
    assert lioness.encrypt(crypto, [], b"b" * 40) == b"b" * 40
