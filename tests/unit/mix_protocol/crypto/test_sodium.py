import pytest

from mix_protocol.crypto.provider import InvalidPublicKey
from mix_protocol.crypto.sodium import SodiumCurves

SEED = bytes(range(32))


@pytest.fixture(scope="module")
def curves() -> SodiumCurves:
    return SodiumCurves()


def test_both_sides_agree(curves: SodiumCurves):
    mine, theirs = b"m" * 32, b"t" * 32
    assert curves.x25519(mine, curves.x25519_public(theirs)) == curves.x25519(theirs, curves.x25519_public(mine))


@pytest.mark.parametrize("point", [bytes(32), b"\1" + bytes(31), b"", b"p" * 33])
def test_points_without_a_secret_in_them(curves: SodiumCurves, point: bytes):
    with pytest.raises(InvalidPublicKey):
        curves.x25519(SEED, point)


def test_signatures(curves: SodiumCurves):
    public, signature = curves.ed25519_public(SEED), curves.ed25519_sign(SEED, b"text")
    assert (len(public), len(signature)) == (32, 64)
    assert curves.ed25519_verify(public, b"text", signature)
    assert not curves.ed25519_verify(public, b"other", signature)
    assert not curves.ed25519_verify(curves.ed25519_public(b"o" * 32), b"text", signature)
    assert not curves.ed25519_verify(bytes(32), b"text", bytes(64))
    assert not curves.ed25519_verify(public, b"text", signature[:-1])
