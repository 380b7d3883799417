"""What the protocols ask of a cryptographic library."""

from __future__ import annotations

from typing import Protocol

from mix_protocol.crypto.compiled_sphinx import CompiledSphinx
from mix_protocol.errors import PeerMisbehaved


class InvalidPublicKey(PeerMisbehaved):
    """A public key with which no shared secret can be made (of low order, or not a key at all)."""

    code = "crypto.invalid_public_key"
    message = "a public key is not usable: it has low order or a wrong length"


class AuthenticationFailed(PeerMisbehaved):
    """Sealed bytes whose tag does not verify: another key, or tampering."""

    code = "crypto.authentication_failed"
    message = "sealed bytes do not open with this key"


class CryptoProvider(Protocol):
    """Every primitive that the mixnet's protocols are made of. Keys are raw bytes; wrong lengths are ValueErrors.

    sphinx -- the compiled Sphinx core, which does the same as these primitives put together; None where there is none
    """

    name: str
    sphinx: CompiledSphinx | None

    def x25519(self, secret: bytes, point: bytes) -> bytes:
        """RFC 7748 X25519 (the secret is clamped); InvalidPublicKey if the result is all zero."""
        ...

    def x25519_public(self, secret: bytes) -> bytes:
        """X25519 of the secret and the base point."""
        ...

    def ed25519_public(self, seed: bytes) -> bytes:
        """The public key of a 32-byte seed (RFC 8032)."""
        ...

    def ed25519_sign(self, seed: bytes, message: bytes) -> bytes:
        """A signature of 64 bytes."""
        ...

    def ed25519_verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Whether the signature is good; False also for anything of a wrong length."""
        ...

    def aes128_ctr(self, key: bytes, data: bytes) -> bytes:
        """XOR with the AES-128-CTR stream of a zero counter block."""
        ...

    def aes128_ctr_iv(self, key: bytes, iv: bytes, data: bytes) -> bytes:
        """XOR with the AES-128-CTR stream that starts at the 16-byte counter block `iv`."""
        ...

    def chacha20(self, key: bytes, data: bytes) -> bytes:
        """XOR with the ChaCha20 stream of a zero nonce, from block 0."""
        ...

    def aes256_gcm_siv_seal(self, key: bytes, nonce: bytes, plaintext: bytes) -> bytes:
        """RFC 8452, no associated data: the ciphertext and its 16-byte tag."""
        ...

    def aes256_gcm_siv_open(self, key: bytes, nonce: bytes, sealed: bytes) -> bytes:
        """The plaintext; AuthenticationFailed if the tag is wrong."""
        ...

    def aes256_gcm_seal(self, key: bytes, nonce: bytes, plaintext: bytes, associated: bytes) -> bytes:
        """NIST SP 800-38D with a nonce of 12 bytes: the ciphertext and its 16-byte tag."""
        ...

    def aes256_gcm_open(self, key: bytes, nonce: bytes, sealed: bytes, associated: bytes) -> bytes:
        """The plaintext; AuthenticationFailed if the tag is wrong."""
        ...

    def sha256(self, data: bytes) -> bytes: ...

    def hmac_sha256(self, key: bytes, data: bytes) -> bytes: ...

    def hkdf_sha256(self, ikm: bytes, salt: bytes, info: bytes, length: int) -> bytes:
        """RFC 5869, extract and expand."""
        ...

    def blake2b_256(self, key: bytes, data: bytes) -> bytes:
        """Keyed BLAKE2b with a digest of 32 bytes."""
        ...

    def blake3(self, data: bytes) -> bytes:
        """The 32-byte BLAKE3 hash."""
        ...

    def hkdf_blake3(self, ikm: bytes, salt: bytes, length: int) -> bytes:
        """RFC 5869 over HMAC with BLAKE3 as its hash (block of 64 bytes), with empty info; at most 32 bytes."""
        ...

    def argon2id(self, passphrase: bytes, salt: bytes, *, passes: int, memory_bytes: int, length: int) -> bytes:
        """RFC 9106 Argon2id, version 0x13, one lane; the salt has 16 bytes."""
        ...

    def xor(self, a: bytes, b: bytes) -> bytes:
        """The exclusive or of two strings of the same length."""
        ...
