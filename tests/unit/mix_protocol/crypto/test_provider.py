"""Known answers for every primitive: whatever provider runs here must give them."""

import hashlib
import sys
from itertools import pairwise

import pytest

from mix_protocol.crypto.provider import AuthenticationFailed, CryptoProvider, InvalidPublicKey

KEY32 = bytes(range(32))


@pytest.fixture(scope="module")
def crypto() -> CryptoProvider:
    if sys.platform == "emscripten":
        from mix_protocol.crypto.worker import WorkerCrypto

        return WorkerCrypto()
    from mix_protocol.crypto.native import NativeCrypto

    return NativeCrypto()


def test_x25519(crypto: CryptoProvider):
    # RFC 7748, section 5.2
    secret = bytes.fromhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")
    point = bytes.fromhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
    assert crypto.x25519(secret, point).hex() == "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"
    assert crypto.x25519(KEY32, (9).to_bytes(32, "little")) == crypto.x25519_public(KEY32)


@pytest.mark.parametrize("point", [bytes(32), (1).to_bytes(32, "little"), b"\x09" * 31, b""])
def test_x25519_refuses_points_that_share_nothing(crypto: CryptoProvider, point: bytes):
    with pytest.raises(InvalidPublicKey):
        crypto.x25519(KEY32, point)


def test_ed25519(crypto: CryptoProvider):
    # RFC 8032, section 7.1, test 2
    seed = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    public = crypto.ed25519_public(seed)
    assert public.hex() == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    signature = crypto.ed25519_sign(seed, b"\x72")
    assert signature.hex() == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    assert crypto.ed25519_verify(public, b"\x72", signature)
    assert not crypto.ed25519_verify(public, b"\x73", signature)
    assert not crypto.ed25519_verify(public, b"\x72", signature[:63])
    assert not crypto.ed25519_verify(public[:31], b"\x72", signature)
    assert not crypto.ed25519_verify(b"\xff" * 32, b"\x72", signature)


def test_aes128_ctr(crypto: CryptoProvider):
    # NIST SP 800-38A, F.5.1
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    counter = bytes.fromhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
    plain = bytes.fromhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")
    cipher = "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
    assert crypto.aes128_ctr_iv(key, counter, plain).hex() == cipher
    assert crypto.aes128_ctr(key, plain) == crypto.aes128_ctr_iv(key, bytes(16), plain)
    assert crypto.aes128_ctr(key, b"") == b""


def test_chacha20(crypto: CryptoProvider):
    # RFC 8439, appendix A.1, vectors 1 and 2
    assert crypto.chacha20(bytes(32), bytes(80)).hex() == (
        "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
        "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"
        "9f07e7be5551387a98ba977c732d080d"
    )


def test_aes256_gcm_siv(crypto: CryptoProvider):
    # RFC 8452, appendix C.2
    key, nonce = b"\x01" + bytes(31), b"\x03" + bytes(11)
    sealed = crypto.aes256_gcm_siv_seal(key, nonce, b"\x01" + bytes(7))
    assert sealed.hex() == "c2ef328e5c71c83b843122130f7364b761e0b97427e3df28"
    assert crypto.aes256_gcm_siv_open(key, nonce, sealed) == b"\x01" + bytes(7)


@pytest.mark.parametrize("at", [0, 7, 23])
def test_tampered_seals_do_not_open(crypto: CryptoProvider, at: int):
    sealed = bytearray(crypto.aes256_gcm_siv_seal(KEY32, bytes(12), bytes(8)))
    sealed[at] ^= 1
    with pytest.raises(AuthenticationFailed):
        crypto.aes256_gcm_siv_open(KEY32, bytes(12), bytes(sealed))


@pytest.mark.parametrize(("nonce", "sealed"), [(bytes(12), b""), (bytes(12), bytes(16)), (bytes(11), bytes(32))])
def test_seals_of_wrong_lengths_do_not_open(crypto: CryptoProvider, nonce: bytes, sealed: bytes):
    with pytest.raises(AuthenticationFailed):
        crypto.aes256_gcm_siv_open(KEY32, nonce, sealed)


def test_aes256_gcm(crypto: CryptoProvider):
    # The GCM specification (McGrew and Viega), test cases 13 and 16
    assert crypto.aes256_gcm_seal(bytes(32), bytes(12), b"", b"").hex() == "530f8afbc74536b9a963b4f1c4cb738b"
    key = bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2)
    nonce = bytes.fromhex("cafebabefacedbaddecaf888")
    associated = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    plain = bytes.fromhex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
    )
    sealed = crypto.aes256_gcm_seal(key, nonce, plain, associated)
    assert sealed[:16].hex() == "522dc1f099567d07f47f37a32a84427d"
    assert sealed[-16:].hex() == "76fc6ece0f4e1768cddf8853bb2d551b"
    assert crypto.aes256_gcm_open(key, nonce, sealed, associated) == plain
    assert crypto.aes256_gcm_open(KEY32, nonce, crypto.aes256_gcm_seal(KEY32, nonce, b"", b"a"), b"a") == b""
    for wrong, with_ in ((sealed[:-1] + b"?", associated), (sealed, associated[1:]), (sealed[:15], associated)):
        with pytest.raises(AuthenticationFailed):
            crypto.aes256_gcm_open(key, nonce, wrong, with_)
    for wrong_key, wrong_nonce in ((key[:16], nonce), (key, nonce[1:])):
        with pytest.raises(ValueError, match=r"key|nonce"):
            crypto.aes256_gcm_seal(wrong_key, wrong_nonce, plain, b"")
        with pytest.raises(ValueError, match=r"key|nonce"):
            crypto.aes256_gcm_open(wrong_key, wrong_nonce, sealed, b"")


def test_sha256(crypto: CryptoProvider):
    # FIPS 180-2, B.1
    assert crypto.sha256(b"abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_hmac_and_hkdf_sha256(crypto: CryptoProvider):
    # RFC 4231, test 2; RFC 5869, A.1 and A.3
    mac = crypto.hmac_sha256(b"Jefe", b"what do ya want for nothing?")
    assert mac.hex() == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    secret, salt, info = b"\x0b" * 22, bytes(range(13)), bytes(range(0xF0, 0xFA))
    answer = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    assert crypto.hkdf_sha256(secret, salt, info, 42).hex() == answer
    answer = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    assert crypto.hkdf_sha256(secret, b"", b"", 42).hex() == answer


def test_blake2b_256(crypto: CryptoProvider):
    # the parameter block holds key and digest lengths, so this differs from a truncated BLAKE2b-512
    key, data = bytes(range(64)), b"x" * 2033
    assert crypto.blake2b_256(key, data) == hashlib.blake2b(data, digest_size=32, key=key).digest()
    assert crypto.blake2b_256(key, data) != hashlib.blake2b(data, key=key).digest()[:32]


def test_blake3(crypto: CryptoProvider):
    # the official vectors: inputs are 0, 1, … 250, 0, 1, …
    assert crypto.blake3(b"").hex() == "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    assert crypto.blake3(b"\x00").hex() == "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"


def test_hkdf_blake3(crypto: CryptoProvider):
    # the end-to-end key of the model vectors, which the published client agrees with
    shared = bytes.fromhex("5334b688d73f7ded1082d2b250db5ada5c3ae6beb74912464bafaad2224e3b4f")
    assert crypto.hkdf_blake3(shared, b"", 16).hex() == "8ab8270f259d10259e6b04425f563961"
    assert crypto.hkdf_blake3(shared, bytes(32), 16) == crypto.hkdf_blake3(shared, b"", 16)
    for length in (0, 33):
        with pytest.raises(ValueError, match="1 to 32"):
            crypto.hkdf_blake3(shared, b"", length)


def test_xor(crypto: CryptoProvider):
    assert crypto.xor(b"\x0f\xf0\x00", b"\xff\xff\x00") == b"\xf0\x0f\x00"
    with pytest.raises(ValueError, match="same length"):
        crypto.xor(b"\x01", b"\x01\x02")


def test_outputs_are_plain_bytes(crypto: CryptoProvider):
    outputs = [
        crypto.x25519_public(KEY32),
        crypto.ed25519_public(KEY32),
        crypto.aes128_ctr(bytes(16), b"x"),
        crypto.chacha20(KEY32, b"x"),
        crypto.aes256_gcm_siv_seal(KEY32, bytes(12), b"x"),
        crypto.hkdf_sha256(KEY32, b"", b"", 32),
        crypto.blake3(b"x"),
    ]
    assert {type(output) for output in outputs} == {bytes}
    assert all(one != other for one, other in pairwise(outputs))
