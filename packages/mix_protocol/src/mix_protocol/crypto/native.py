"""The provider for CPython on a machine: cryptography (OpenSSL), PyNaCl (libsodium) and blake3."""

from __future__ import annotations

from mix_protocol.crypto import portable
from mix_protocol.crypto.provider import AuthenticationFailed, InvalidPublicKey

_ZERO_IV = bytes(16)


class NativeCrypto:
    """CryptoProvider on compiled libraries; it loads them when it is made."""

    name = "native"

    def __init__(self) -> None:
        import blake3
        from cryptography import exceptions
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.ciphers import Cipher, aead, algorithms, modes
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF
        from nacl import bindings
        from nacl import exceptions as nacl_exceptions

        self._blake3 = blake3.blake3
        self._cipher, self._ctr = Cipher, modes.CTR
        self._aes, self._chacha20 = algorithms.AES128, algorithms.ChaCha20
        self._gcm_siv = aead.AESGCMSIV
        self._invalid_tag = exceptions.InvalidTag
        self._hkdf, self._sha256 = HKDF, hashes.SHA256()
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

    def aes128_ctr(self, key: bytes, data: bytes) -> bytes:
        return self.aes128_ctr_iv(key, _ZERO_IV, data)

    def aes128_ctr_iv(self, key: bytes, iv: bytes, data: bytes) -> bytes:
        return self._cipher(self._aes(key), self._ctr(iv)).encryptor().update(data)

    def chacha20(self, key: bytes, data: bytes) -> bytes:
        return self._cipher(self._chacha20(key, _ZERO_IV), None).encryptor().update(data)

    def aes256_gcm_siv_seal(self, key: bytes, nonce: bytes, plaintext: bytes) -> bytes:
        if not plaintext:
            raise ValueError("nothing to seal")
        return self._gcm_siv(key).encrypt(nonce, plaintext, None)

    def aes256_gcm_siv_open(self, key: bytes, nonce: bytes, sealed: bytes) -> bytes:
        if len(nonce) != 12 or len(sealed) < 17:
            raise AuthenticationFailed
        try:
            return self._gcm_siv(key).decrypt(nonce, sealed, None)
        except self._invalid_tag:
            raise AuthenticationFailed from None

    def hmac_sha256(self, key: bytes, data: bytes) -> bytes:
        return portable.hmac_sha256(key, data)

    def hkdf_sha256(self, ikm: bytes, salt: bytes, info: bytes, length: int) -> bytes:
        return self._hkdf(self._sha256, length, salt, info).derive(ikm)

    def blake2b_256(self, key: bytes, data: bytes) -> bytes:
        return portable.blake2b_256(key, data)

    def blake3(self, data: bytes) -> bytes:
        return self._blake3(data).digest()

    def hkdf_blake3(self, ikm: bytes, salt: bytes, length: int) -> bytes:
        return portable.hkdf_blake3(self.blake3, ikm, salt, length)

    def xor(self, a: bytes, b: bytes) -> bytes:
        return portable.xor(a, b)
