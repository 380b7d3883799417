"""The provider for CPython on a machine: cryptography (OpenSSL), PyNaCl (libsodium) and blake3."""

from __future__ import annotations

from mix_protocol.crypto import portable
from mix_protocol.crypto.compiled_sphinx import load_compiled_sphinx
from mix_protocol.crypto.provider import AuthenticationFailed
from mix_protocol.crypto.sodium import SodiumCurves

_ZERO_IV = bytes(16)


class NativeCrypto(SodiumCurves):
    """CryptoProvider on compiled libraries; it loads them when it is made."""

    name = "native"

    def __init__(self) -> None:
        import blake3
        from cryptography import exceptions
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.ciphers import Cipher, aead, algorithms, modes
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        super().__init__()
        self.sphinx = load_compiled_sphinx()
        self._blake3 = blake3.blake3
        self._cipher, self._ctr = Cipher, modes.CTR
        self._aes, self._chacha20 = algorithms.AES128, algorithms.ChaCha20
        self._gcm, self._gcm_siv = aead.AESGCM, aead.AESGCMSIV
        self._invalid_tag = exceptions.InvalidTag
        self._hkdf, self._sha256 = HKDF, hashes.SHA256()

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

    def aes256_gcm_seal(self, key: bytes, nonce: bytes, plaintext: bytes, associated: bytes) -> bytes:
        _check_gcm_lengths(key, nonce)
        return self._gcm(key).encrypt(nonce, plaintext, associated)

    def aes256_gcm_open(self, key: bytes, nonce: bytes, sealed: bytes, associated: bytes) -> bytes:
        _check_gcm_lengths(key, nonce)
        try:
            return self._gcm(key).decrypt(nonce, sealed, associated)
        except self._invalid_tag:
            raise AuthenticationFailed from None

    def sha256(self, data: bytes) -> bytes:
        return portable.sha256(data)

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


def _check_gcm_lengths(key: bytes, nonce: bytes) -> None:
    # The library would take shorter keys, for AES-128, and other nonces.
    if len(key) != 32 or len(nonce) != 12:
        raise ValueError("AES-256-GCM needs a key of 32 bytes and a nonce of 12")
