"""SymmetricState: chaining key and handshake hash (Noise Protocol Framework, revision 34, section 5.2)."""

from __future__ import annotations

from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.noise.cipher_state import CipherState

HASH_LENGTH = 32


class SymmetricState:
    """What both sides have agreed on so far, for SHA-256; a protocol's name of up to 32 bytes starts it."""

    __slots__ = ("_chaining_key", "_cipher", "_crypto", "_hash")

    def __init__(self, crypto: CryptoProvider, protocol_name: bytes) -> None:
        if len(protocol_name) > HASH_LENGTH:
            raise ValueError("the protocol's name is longer than a hash")
        self._crypto = crypto
        self._hash = self._chaining_key = protocol_name.ljust(HASH_LENGTH, b"\0")
        self._cipher: CipherState | None = None

    @property
    def handshake_hash(self) -> bytes:
        """A hash of all that was exchanged; equal on both sides when they have seen the same."""
        return self._hash

    def mix_key(self, secret: bytes) -> None:
        """Take shared key material in; the cipher gets a new key and begins to count again."""
        self._chaining_key, key = self._hkdf(secret, 2)
        self._cipher = CipherState(self._crypto, key)

    def mix_hash(self, data: bytes) -> None:
        """Take public data in."""
        self._hash = self._crypto.sha256(self._hash + data)

    def mix_key_and_hash(self, psk: bytes) -> None:
        """Take a pre-shared key in."""
        self._chaining_key, hashed, key = self._hkdf(psk, 3)
        self.mix_hash(hashed)
        self._cipher = CipherState(self._crypto, key)

    def encrypt_and_hash(self, plaintext: bytes) -> bytes:
        """Seal a part of a handshake message; there must be a key."""
        assert self._cipher is not None
        sealed = self._cipher.encrypt(plaintext, self._hash)
        self.mix_hash(sealed)
        return sealed

    def decrypt_and_hash(self, sealed: bytes) -> bytes:
        """Open a part of a handshake message; there must be a key. Raises `AuthenticationFailed`."""
        assert self._cipher is not None
        plaintext = self._cipher.decrypt(sealed, self._hash)
        self.mix_hash(sealed)
        return plaintext

    def split(self) -> tuple[CipherState, CipherState]:
        """The ciphers after the handshake: the initiator's for sending, then the responder's."""
        first, second = self._hkdf(b"", 2)
        return CipherState(self._crypto, first), CipherState(self._crypto, second)

    def _hkdf(self, secret: bytes, count: int) -> list[bytes]:
        hmac = self._crypto.hmac_sha256
        extracted = hmac(self._chaining_key, secret)
        outputs = [hmac(extracted, b"\x01")]
        for number in range(2, count + 1):
            outputs.append(hmac(extracted, outputs[-1] + bytes((number,))))
        return outputs
