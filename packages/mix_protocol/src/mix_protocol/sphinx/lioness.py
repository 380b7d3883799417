"""LIONESS: a block cipher over a whole payload, from ChaCha20 and keyed BLAKE2b.

Changing one bit anywhere scrambles everything, so a node that alters a payload destroys it. Source: Anderson and
Biham, "Two practical and provably secure block ciphers"; primitives as in the Nym spec, Sphinx payload.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.sphinx.geometry import (
    LIONESS_HASH_KEY_LENGTH,
    LIONESS_LEFT_LENGTH,
    LIONESS_STREAM_KEY_LENGTH,
)

_K2: Final = LIONESS_STREAM_KEY_LENGTH
_K3: Final = _K2 + LIONESS_HASH_KEY_LENGTH
_K4: Final = _K3 + LIONESS_STREAM_KEY_LENGTH


def encrypt(crypto: CryptoProvider, keys: Iterable[bytes], block: bytes) -> bytes:
    """Encrypt a block of more than 32 bytes with one 192-byte key after the other."""
    xor, chacha20, blake2b = crypto.xor, crypto.chacha20, crypto.blake2b_256
    left, right = block[:LIONESS_LEFT_LENGTH], block[LIONESS_LEFT_LENGTH:]
    for key in keys:
        right = chacha20(xor(left, key[:_K2]), right)
        left = xor(left, blake2b(key[_K2:_K3], right))
        right = chacha20(xor(left, key[_K3:_K4]), right)
        left = xor(left, blake2b(key[_K4:], right))
    return left + right


def decrypt(crypto: CryptoProvider, key: bytes, block: bytes) -> bytes:
    """Undo one `encrypt` with one 192-byte key."""
    xor, chacha20, blake2b = crypto.xor, crypto.chacha20, crypto.blake2b_256
    left, right = block[:LIONESS_LEFT_LENGTH], block[LIONESS_LEFT_LENGTH:]
    left = xor(left, blake2b(key[_K4:], right))
    right = chacha20(xor(left, key[_K3:_K4]), right)
    left = xor(left, blake2b(key[_K2:_K3], right))
    right = chacha20(xor(left, key[:_K2]), right)
    return left + right
