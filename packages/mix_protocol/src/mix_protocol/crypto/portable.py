"""What both providers compute in the same way, from the standard library."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

_BLAKE3_BLOCK = 64
_INNER_PAD = bytes(value ^ 0x36 for value in range(256))
_OUTER_PAD = bytes(value ^ 0x5C for value in range(256))


def xor(a: bytes, b: bytes) -> bytes:
    """The exclusive or of two strings of the same length."""
    if len(a) != len(b):
        raise ValueError("xor needs two strings of the same length")
    return (int.from_bytes(a, "little") ^ int.from_bytes(b, "little")).to_bytes(len(a), "little")


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


def blake2b_256(key: bytes, data: bytes) -> bytes:
    return hashlib.blake2b(data, key=key, digest_size=32).digest()


def hkdf_blake3(blake3: Callable[[bytes], bytes], ikm: bytes, salt: bytes, length: int) -> bytes:
    """RFC 5869 over HMAC-BLAKE3 with empty info; one block of output is all that the mixnet asks for."""
    if not 0 < length <= 32:
        raise ValueError("hkdf_blake3 gives 1 to 32 bytes")
    extracted = _hmac_blake3(blake3, salt, ikm)
    return _hmac_blake3(blake3, extracted, b"\x01")[:length]


def _hmac_blake3(blake3: Callable[[bytes], bytes], key: bytes, data: bytes) -> bytes:
    if len(key) > _BLAKE3_BLOCK:
        key = blake3(key)
    key = key.ljust(_BLAKE3_BLOCK, b"\x00")
    return blake3(key.translate(_OUTER_PAD) + blake3(key.translate(_INNER_PAD) + data))
