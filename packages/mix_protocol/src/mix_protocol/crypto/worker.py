"""The provider for Pyodide: OpenSSL and blake3, built for it by the project's `wasm` folder; PyNaCl for Argon2id alone.

`ossl.install_on_demand()` must have run before: it brings `_oscrypto`.
"""

from __future__ import annotations

from mix_protocol.crypto import portable
from mix_protocol.crypto.compiled_sphinx import load_compiled_sphinx
from mix_protocol.crypto.provider import AuthenticationFailed, InvalidPublicKey

_ZERO_IV = bytes(16)
_ZERO_NONCE = bytes(8)
_GCM = "AES-256-GCM"
_GCM_SIV = "AES-256-GCM-SIV"


class WorkerCrypto:
    """CryptoProvider on the wasm libraries; it loads them when it is made, but for PyNaCl, which takes long."""

    name = "worker"

    def __init__(self) -> None:
        import _oscrypto
        import blake3

        self.sphinx = load_compiled_sphinx()
        self._ossl = _oscrypto
        self._blake3 = blake3.blake3

    def x25519(self, secret: bytes, point: bytes) -> bytes:
        if len(point) != 32:
            raise InvalidPublicKey
        try:
            return bytes(self._ossl.x25519(secret, point))
        except ValueError:
            raise InvalidPublicKey from None

    def x25519_public(self, secret: bytes) -> bytes:
        return bytes(self._ossl.x25519_public(secret))

    def ed25519_public(self, seed: bytes) -> bytes:
        return bytes(self._ossl.ed25519_public(seed))

    def ed25519_sign(self, seed: bytes, message: bytes) -> bytes:
        return bytes(self._ossl.ed25519_sign(seed, message))

    def ed25519_verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        if len(public) != 32 or len(signature) != 64:
            return False
        return bool(self._ossl.ed25519_verify(public, message, signature))

    def argon2id(self, passphrase: bytes, salt: bytes, *, passes: int, memory_bytes: int, length: int) -> bytes:
        from mix_protocol.crypto.sodium import SodiumCurves

        sodium = SodiumCurves()
        return sodium.argon2id(passphrase, salt, passes=passes, memory_bytes=memory_bytes, length=length)

    def aes128_ctr(self, key: bytes, data: bytes) -> bytes:
        return bytes(self._ossl.aes128_ctr(key, _ZERO_IV, data))

    def aes128_ctr_iv(self, key: bytes, iv: bytes, data: bytes) -> bytes:
        return bytes(self._ossl.aes128_ctr(key, iv, data))

    def chacha20(self, key: bytes, data: bytes) -> bytes:
        return bytes(self._ossl.chacha20(key, _ZERO_NONCE, data))

    def aes256_gcm_siv_seal(self, key: bytes, nonce: bytes, plaintext: bytes) -> bytes:
        if not plaintext:
            raise ValueError("nothing to seal")
        return bytes(self._ossl.seal(_GCM_SIV, key, nonce, plaintext))

    def aes256_gcm_siv_open(self, key: bytes, nonce: bytes, sealed: bytes) -> bytes:
        if len(nonce) != 12 or len(sealed) < 17:
            raise AuthenticationFailed
        try:
            return bytes(self._ossl.open(_GCM_SIV, key, nonce, sealed))
        except ValueError:
            raise AuthenticationFailed from None

    def aes256_gcm_seal(self, key: bytes, nonce: bytes, plaintext: bytes, associated: bytes) -> bytes:
        return bytes(self._ossl.seal(_GCM, key, nonce, plaintext, associated))

    def aes256_gcm_open(self, key: bytes, nonce: bytes, sealed: bytes, associated: bytes) -> bytes:
        if len(key) != 32 or len(nonce) != 12:
            raise ValueError("AES-256-GCM needs a key of 32 bytes and a nonce of 12")
        try:
            return bytes(self._ossl.open(_GCM, key, nonce, sealed, associated))
        except ValueError:
            raise AuthenticationFailed from None

    def sha256(self, data: bytes) -> bytes:
        return portable.sha256(data)

    def hmac_sha256(self, key: bytes, data: bytes) -> bytes:
        return bytes(self._ossl.hmac_sha256(key, data))

    def hkdf_sha256(self, ikm: bytes, salt: bytes, info: bytes, length: int) -> bytes:
        return bytes(self._ossl.hkdf_sha256(ikm, salt, info, length))

    def blake2b_256(self, key: bytes, data: bytes) -> bytes:
        return portable.blake2b_256(key, data)

    def blake3(self, data: bytes) -> bytes:
        return self._blake3(data).digest()

    def hkdf_blake3(self, ikm: bytes, salt: bytes, length: int) -> bytes:
        return portable.hkdf_blake3(self.blake3, ikm, salt, length)

    def xor(self, a: bytes, b: bytes) -> bytes:
        return portable.xor(a, b)
