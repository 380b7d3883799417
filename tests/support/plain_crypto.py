"""Cryptography that hides nothing and costs little, for simulations of long transfers: only its equations hold."""

from __future__ import annotations

from zlib import crc32

from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.sphinx.curve import CURVE_ORDER, clamp

_BASE_POINT = (1).to_bytes(32, "little")


class PlainCrypto(NativeCrypto):
    """Both ends agree on keys, and what is sealed opens again; but ciphertexts are the texts themselves."""

    name = "plain"

    def __init__(self) -> None:
        super().__init__()
        self.sphinx = None  # which would not be plain

    def x25519(self, secret: bytes, point: bytes) -> bytes:
        """A point is given by its multiple of the base point, and is the same as its opposite, as on the curve."""
        multiple = clamp(secret) * int.from_bytes(point, "little") % CURVE_ORDER
        return min(multiple, CURVE_ORDER - multiple).to_bytes(32, "little")

    def x25519_public(self, secret: bytes) -> bytes:
        return self.x25519(secret, _BASE_POINT)

    def aes128_ctr(self, key: bytes, data: bytes) -> bytes:
        return data

    def aes128_ctr_iv(self, key: bytes, iv: bytes, data: bytes) -> bytes:
        return data

    def chacha20(self, key: bytes, data: bytes) -> bytes:
        return data

    def blake2b_256(self, key: bytes, data: bytes) -> bytes:
        return bytes(32)

    def hmac_sha256(self, key: bytes, data: bytes) -> bytes:
        return crc32(data, crc32(key)).to_bytes(4, "big") * 8

    def hkdf_sha256(self, ikm: bytes, salt: bytes, info: bytes, length: int) -> bytes:
        return (crc32(ikm + salt + info).to_bytes(4, "big") * (length // 4 + 1))[:length]

    def hkdf_blake3(self, ikm: bytes, salt: bytes, length: int) -> bytes:
        return self.hkdf_sha256(ikm, salt, b"", length)
