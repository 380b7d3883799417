import hashlib
import hmac

import pytest

from mix_protocol.crypto import portable


def blake3(data: bytes) -> bytes:
    """Any hash with blocks of 64 bytes and digests of 32 does: the construction is under test, not BLAKE3."""
    return hashlib.sha256(data).digest()


@pytest.mark.parametrize("salt", [b"", bytes(16), b"s" * 64, b"s" * 65, b"s" * 500])
@pytest.mark.parametrize("length", [1, 16, 32])
def test_hkdf_is_rfc_5869(salt: bytes, length: int):
    extracted = hmac.digest(salt, b"key material", "sha256")
    expected = hmac.digest(extracted, b"\x01", "sha256")[:length]
    assert portable.hkdf_blake3(blake3, b"key material", salt, length) == expected


@pytest.mark.parametrize("length", [-1, 0, 33])
def test_hkdf_gives_one_block_at_most(length: int):
    with pytest.raises(ValueError, match="1 to 32"):
        portable.hkdf_blake3(blake3, b"k", b"", length)


def test_xor():
    assert portable.xor(b"\x0f\xf0", b"\xff\xff") == b"\xf0\x0f"
    assert portable.xor(b"", b"") == b""
    assert portable.xor(bytes(1000), b"\0" * 999 + b"\1") == b"\0" * 999 + b"\1"
    with pytest.raises(ValueError, match="same length"):
        portable.xor(b"a", b"ab")


def test_keyed_blake2b():
    assert portable.blake2b_256(b"k" * 64, b"data") == hashlib.blake2b(b"data", key=b"k" * 64, digest_size=32).digest()


def test_hmac_sha256():
    assert portable.hmac_sha256(b"k", b"data") == hmac.new(b"k", b"data", hashlib.sha256).digest()
