"""CipherState: one key and its counter of messages (Noise Protocol Framework, revision 34, section 5.1)."""

from __future__ import annotations

from typing import Final

from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.noise.errors import LinkSpent

TAG_LENGTH: Final = 16

_NONCE_PREFIX: Final = bytes(4)
_RESERVED_COUNTER: Final = (1 << 64) - 1


class CipherState:
    """AES-256-GCM under one key; the nonce is four zero bytes and the counter, big-endian (section 12.4)."""

    __slots__ = ("_counter", "_crypto", "_key")

    def __init__(self, crypto: CryptoProvider, key: bytes, counter: int = 0) -> None:
        self._crypto = crypto
        self._key = key
        self._counter = counter

    def encrypt(self, plaintext: bytes, associated: bytes = b"") -> bytes:
        """The ciphertext with its tag. Raises `LinkSpent` after 2⁶⁴-1 messages."""
        sealed = self._crypto.aes256_gcm_seal(self._key, self._nonce(), plaintext, associated)
        self._counter += 1
        return sealed

    def decrypt(self, sealed: bytes, associated: bytes = b"") -> bytes:
        """The plaintext. Raises `AuthenticationFailed`, and does not count then, or `LinkSpent`."""
        plaintext = self._crypto.aes256_gcm_open(self._key, self._nonce(), sealed, associated)
        self._counter += 1
        return plaintext

    def _nonce(self) -> bytes:
        if self._counter >= _RESERVED_COUNTER:
            raise LinkSpent()
        return _NONCE_PREFIX + self._counter.to_bytes(8, "big")
