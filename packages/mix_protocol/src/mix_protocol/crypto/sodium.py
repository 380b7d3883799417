"""The curves and Argon2id, which both providers leave to libsodium (PyNaCl)."""

from __future__ import annotations

from mix_protocol.crypto.provider import InvalidPublicKey


class SodiumCurves:
    """X25519, Ed25519 and Argon2id; loads PyNaCl when it is made."""

    def __init__(self) -> None:
        from nacl import bindings
        from nacl import exceptions as nacl_exceptions

        self._sodium = bindings
        self._sodium_error = nacl_exceptions.CryptoError

    def x25519(self, secret: bytes, point: bytes) -> bytes:
        if len(point) != 32:
            raise InvalidPublicKey
        try:
            return self._sodium.crypto_scalarmult(secret, point)
        except self._sodium_error:
            raise InvalidPublicKey from None

    def x25519_public(self, secret: bytes) -> bytes:
        return self._sodium.crypto_scalarmult_base(secret)

    def ed25519_public(self, seed: bytes) -> bytes:
        public, _ = self._sodium.crypto_sign_seed_keypair(seed)
        return public

    def ed25519_sign(self, seed: bytes, message: bytes) -> bytes:
        _, secret = self._sodium.crypto_sign_seed_keypair(seed)
        return self._sodium.crypto_sign(message, secret)[:64]

    def ed25519_verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        if len(public) != 32 or len(signature) != 64:
            return False
        try:
            self._sodium.crypto_sign_open(signature + message, public)
        except self._sodium_error:
            return False
        return True

    def argon2id(self, passphrase: bytes, salt: bytes, *, passes: int, memory_bytes: int, length: int) -> bytes:
        if len(salt) != 16:
            raise ValueError("the salt must have 16 bytes")
        sodium = self._sodium
        algorithm = sodium.crypto_pwhash_ALG_ARGON2ID13
        return bytes(sodium.crypto_pwhash_alg(length, passphrase, salt, passes, memory_bytes, algorithm))
