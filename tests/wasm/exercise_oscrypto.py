"""Calls every function of `_oscrypto` in every way, good and bad; run by test_oscrypto.py under the sanitizers."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import sys
from pathlib import Path

import _oscrypto
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, aead, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SIZES = (0, 1, 15, 16, 17, 63, 64, 65, 255, 1024, 2048, 65_537)
AEADS = {"AES-256-GCM-SIV": "AESGCMSIV", "AES-256-GCM": "AESGCM", "ChaCha20-Poly1305": "ChaCha20Poly1305"}


def refuses(function, *arguments) -> None:
    try:
        function(*arguments)
    except (ValueError, TypeError):
        return
    raise AssertionError(f"{function.__name__} took wrong arguments")


def check_streams() -> None:
    for size in SIZES:
        data, key, iv = os.urandom(size), os.urandom(16), os.urandom(16)
        for view in (data, bytearray(data), memoryview(data)):
            cipher = Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor()
            assert _oscrypto.aes128_ctr(key, iv, view) == cipher.update(data)
        key, nonce = os.urandom(32), os.urandom(8)
        cipher = Cipher(algorithms.ChaCha20(key, bytes(8) + nonce), None).encryptor()
        assert _oscrypto.chacha20(key, nonce, data) == cipher.update(data)
    for size in (0, 1, 15, 17, 31, 33):
        refuses(_oscrypto.aes128_ctr, bytes(size), bytes(16), b"x")
        refuses(_oscrypto.aes128_ctr, bytes(16), bytes(size), b"x")
        refuses(_oscrypto.chacha20, bytes(size), bytes(8), b"x")
        refuses(_oscrypto.chacha20, bytes(32), bytes(size), b"x")
    refuses(_oscrypto.chacha20, "text", bytes(8), b"x")
    refuses(_oscrypto.aes128_ctr, bytes(16))


def check_curves() -> None:
    for _ in range(20):
        secret, other = os.urandom(32), os.urandom(32)
        own, peer = X25519PrivateKey.from_private_bytes(secret), X25519PrivateKey.from_private_bytes(other)
        assert _oscrypto.x25519_public(secret) == own.public_key().public_bytes_raw()
        point = peer.public_key().public_bytes_raw()
        assert _oscrypto.x25519(bytearray(secret), memoryview(point)) == own.exchange(peer.public_key())
    # RFC 8032, 7.1, test 2.
    seed = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    public = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    assert _oscrypto.ed25519_public(seed) == public
    for size in SIZES:
        message, seed = os.urandom(size), os.urandom(32)
        key = Ed25519PrivateKey.from_private_bytes(seed)
        public, signature = _oscrypto.ed25519_public(seed), _oscrypto.ed25519_sign(seed, message)
        assert public == key.public_key().public_bytes_raw()
        assert signature == key.sign(message)
        assert _oscrypto.ed25519_verify(public, message, signature) is True
        assert _oscrypto.ed25519_verify(public, message + b"x", signature) is False
        assert _oscrypto.ed25519_verify(public, message, signature[:63] + bytes([signature[63] ^ 1])) is False
        assert _oscrypto.ed25519_verify(os.urandom(32), message, signature) is False
    for low_order in (bytes(32), bytes([1, *bytes(31)])):
        refuses(_oscrypto.x25519, os.urandom(32), low_order)
    for size in (0, 31, 33):
        refuses(_oscrypto.x25519, bytes(size), bytes(32))
        refuses(_oscrypto.x25519, bytes(32), bytes(size))
        refuses(_oscrypto.x25519_public, bytes(size))
        refuses(_oscrypto.ed25519_public, bytes(size))
        refuses(_oscrypto.ed25519_sign, bytes(size), b"x")
        refuses(_oscrypto.ed25519_verify, bytes(size), b"x", bytes(64))
        refuses(_oscrypto.ed25519_verify, bytes(32), b"x", bytes(size))


def check_hashes() -> None:
    for size in SIZES:
        data = os.urandom(size)
        for key_size in (0, 1, 32, 64, 65, 200):
            key = os.urandom(key_size)
            assert _oscrypto.hmac_sha256(key, data) == hmac.digest(key, data, hashlib.sha256)
    for length in (1, 31, 32, 33, 288, 255 * 32):
        secret, salt, info = os.urandom(32), os.urandom(13), os.urandom(40)
        expected = HKDF(hashes.SHA256(), length, salt, info).derive(secret)
        assert _oscrypto.hkdf_sha256(secret, salt, info, length) == expected
        assert _oscrypto.hkdf_sha256(secret, b"", b"", length) == HKDF(hashes.SHA256(), length, None, b"").derive(
            secret
        )
    for length in (-1, 0, 255 * 32 + 1, 1 << 40):
        refuses(_oscrypto.hkdf_sha256, b"s", b"", b"", length)


def check_aeads(names: list[str]) -> None:
    for name in names:
        oracle = getattr(aead, AEADS[name], None)
        for size in SIZES[1:]:
            key, nonce, data, extra = os.urandom(32), os.urandom(12), os.urandom(size), os.urandom(size % 40)
            sealed = _oscrypto.seal(name, key, nonce, data, extra)
            if oracle is not None and name != "AES-256-GCM-SIV":
                assert sealed == oracle(key).encrypt(nonce, data, extra)
            assert _oscrypto.open(name, key, nonce, sealed, extra) == data
            for wrong in (sealed[:-1], sealed[:15], b"", bytes([sealed[0] ^ 1]) + sealed[1:]):
                refuses(_oscrypto.open, name, key, nonce, wrong, extra)
            refuses(_oscrypto.open, name, key, nonce, sealed, extra + b"x")
        refuses(_oscrypto.seal, name, bytes(31), bytes(12), b"x")
        refuses(_oscrypto.seal, name, bytes(32), bytes(11), b"x")
        refuses(_oscrypto.seal, name, bytes(32), bytes(12), "text")
    for name in ("", "AES-128-ECB", "AES-256-GCM\0", "x" * 1000):
        refuses(_oscrypto.seal, name, bytes(32), bytes(12), b"x")


def most_memory_kb() -> int:
    """The most that this program has had; what getrusage tells would include the process that started it."""
    (size,) = re.findall(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(size)


def main() -> None:
    names = []
    for name in AEADS:
        try:
            _oscrypto.seal(name, bytes(32), bytes(12), b"x")
            names.append(name)
        except ValueError:
            assert name == "AES-256-GCM-SIV", name  # OpenSSL before 3.2 has it not

    def everything() -> None:
        check_streams()
        check_hashes()
        check_curves()
        check_aeads(names)

    everything()
    before = most_memory_kb()
    for _ in range(10):
        everything()
    grown_kb = most_memory_kb() - before
    print(f"ciphers: {', '.join(names)}; grew by {grown_kb} kB")
    if grown_kb > 4096:
        sys.exit(f"memory leaks: ten rounds more took {grown_kb} kB more")


if __name__ == "__main__":
    main()
