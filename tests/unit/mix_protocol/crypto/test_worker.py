"""The worker's provider over a stand-in for its OpenSSL, so that its calls are checked on every machine.

Where the real one is, in Pyodide, `test_provider` has the known answers.
"""

import sys
from types import ModuleType

import pytest

from mix_protocol.crypto.provider import AuthenticationFailed, CryptoProvider, InvalidPublicKey
from mix_protocol.crypto.randomness import SeededRandom

if sys.platform == "emscripten":
    pytest.skip("the stand-in is made of CPython's libraries", allow_module_level=True)

RANDOM = SeededRandom("worker")
KEY_16, KEY_32, NONCE, DATA = RANDOM(16), RANDOM(32), RANDOM(12), RANDOM(1000)


def openssl_stand_in(native: CryptoProvider) -> ModuleType:
    """`_oscrypto` as the wheel has it, computed by the native provider."""

    def open_(name: str, key: bytes, nonce: bytes, sealed: bytes, aad: bytes = b"") -> bytes:
        try:
            if name == "AES-256-GCM":
                return native.aes256_gcm_open(key, nonce, sealed, aad)
            assert name == "AES-256-GCM-SIV"
            return native.aes256_gcm_siv_open(key, nonce, sealed)
        except AuthenticationFailed:
            raise ValueError("tag") from None

    def seal(name: str, key: bytes, nonce: bytes, plaintext: bytes, aad: bytes = b"") -> bytes:
        if name == "AES-256-GCM":
            return native.aes256_gcm_seal(key, nonce, plaintext, aad)
        assert name == "AES-256-GCM-SIV"
        return native.aes256_gcm_siv_seal(key, nonce, plaintext)

    def chacha20(key: bytes, nonce: bytes, data: bytes) -> bytes:
        assert nonce == bytes(8)
        return native.chacha20(key, data)

    def x25519(secret: bytes, point: bytes) -> bytes:
        try:
            return native.x25519(secret, point)
        except InvalidPublicKey:
            raise ValueError("zero") from None

    module = ModuleType("_oscrypto")
    module.x25519, module.x25519_public = x25519, native.x25519_public
    module.ed25519_public, module.ed25519_sign = native.ed25519_public, native.ed25519_sign
    module.ed25519_verify = native.ed25519_verify
    module.aes128_ctr = native.aes128_ctr_iv
    module.chacha20, module.seal, module.open = chacha20, seal, open_
    module.hmac_sha256, module.hkdf_sha256 = native.hmac_sha256, native.hkdf_sha256
    return module


@pytest.fixture
def providers(monkeypatch):
    from mix_protocol.crypto.native import NativeCrypto
    from mix_protocol.crypto.worker import WorkerCrypto

    native = NativeCrypto()
    monkeypatch.setitem(sys.modules, "_oscrypto", openssl_stand_in(native))
    return native, WorkerCrypto()


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("x25519", (KEY_32, (9).to_bytes(32, "little"))),
        ("x25519_public", (KEY_32,)),
        ("ed25519_public", (KEY_32,)),
        ("ed25519_sign", (KEY_32, DATA)),
        ("aes128_ctr", (KEY_16, DATA)),
        ("aes128_ctr_iv", (KEY_16, KEY_16, DATA)),
        ("chacha20", (KEY_32, DATA)),
        ("aes256_gcm_siv_seal", (KEY_32, NONCE, DATA)),
        ("aes256_gcm_seal", (KEY_32, NONCE, DATA, b"associated")),
        ("sha256", (DATA,)),
        ("hmac_sha256", (KEY_32, DATA)),
        ("hkdf_sha256", (KEY_32, b"salt", b"info", 288)),
        ("blake2b_256", (KEY_32 * 2, DATA)),
        ("blake3", (DATA,)),
        ("hkdf_blake3", (KEY_32, b"salt", 16)),
        ("xor", (KEY_32, bytes(32))),
    ],
)
def test_it_gives_what_the_native_one_gives(providers, name, arguments):
    native, worker = providers
    assert getattr(worker, name)(*arguments) == getattr(native, name)(*arguments)


def test_what_does_not_open_or_verify(providers):
    _, worker = providers
    sealed = worker.aes256_gcm_siv_seal(KEY_32, NONCE, DATA)
    assert worker.aes256_gcm_siv_open(KEY_32, NONCE, sealed) == DATA
    for nonce, wrong in ((NONCE, sealed[:-1] + b"?"), (NONCE[1:], sealed), (NONCE, b"short"), (NONCE, b"")):
        with pytest.raises(AuthenticationFailed):
            worker.aes256_gcm_siv_open(KEY_32, nonce, wrong)
    sealed = worker.aes256_gcm_seal(KEY_32, NONCE, b"", b"associated")
    assert worker.aes256_gcm_open(KEY_32, NONCE, sealed, b"associated") == b""
    for wrong, associated in ((sealed, b"other"), (sealed[:15], b"associated")):
        with pytest.raises(AuthenticationFailed):
            worker.aes256_gcm_open(KEY_32, NONCE, wrong, associated)
    with pytest.raises(ValueError, match="12"):
        worker.aes256_gcm_open(KEY_32, NONCE[1:], sealed, b"associated")
    public, signature = worker.ed25519_public(KEY_32), worker.ed25519_sign(KEY_32, DATA)
    assert worker.ed25519_verify(public, DATA, signature)
    assert not worker.ed25519_verify(public, DATA + b"?", signature)
    assert not worker.ed25519_verify(public[1:], DATA, signature)


def test_importing_it_needs_no_library():
    assert "_oscrypto" not in sys.modules
    import mix_protocol.crypto.worker as module

    with pytest.raises(ModuleNotFoundError):
        module.WorkerCrypto()
