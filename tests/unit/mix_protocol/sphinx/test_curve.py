"""What the one-step key agreement rests on: scalars that clamping leaves alone, and points of the right group."""

import pytest

from mix_protocol.crypto.provider import CryptoProvider, InvalidPublicKey
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.sphinx.curve import CURVE_ORDER, clamp, is_on_curve, secret_for_scalar
from mix_protocol.sphinx.key_agreement import chain_x25519

BASE_POINT = (9).to_bytes(32, "little")
TWIST_POINT = (2).to_bytes(32, "little")
PRIME = 2**255 - 19

# The u-coordinates of all points of order 1, 2, 4 and 8, on the curve and on the twist, with their other encodings.
LOW_ORDER = [
    0,
    1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
    PRIME - 1,
    PRIME,
    PRIME + 1,
]


def test_clamping():
    assert clamp(bytes(32)) == 2**254
    assert clamp(b"\xff" * 32) == 2**255 - 8
    assert clamp(bytes([7]) + bytes(30) + bytes([0x80])) == 2**254


def test_points_of_the_curve_and_of_its_twist(crypto: CryptoProvider):
    random = SeededRandom("points")
    assert is_on_curve(BASE_POINT)
    assert all(is_on_curve(crypto.x25519_public(random(32))) for _ in range(20))
    assert not is_on_curve(TWIST_POINT)
    assert not any(is_on_curve(crypto.x25519(random(32), TWIST_POINT)) for _ in range(20))


def test_the_top_bit_and_the_form_of_a_coordinate_do_not_matter():
    assert is_on_curve((9 | 1 << 255).to_bytes(32, "little"))
    assert is_on_curve((PRIME + 9).to_bytes(32, "little"))
    assert not is_on_curve((2 | 1 << 255).to_bytes(32, "little"))


def test_products_become_valid_secrets(crypto: CryptoProvider):
    random = SeededRandom("scalars")
    for _ in range(20):
        first, second = random(32), random(32)
        secret = secret_for_scalar(clamp(first) * clamp(second) % CURVE_ORDER)
        assert secret is not None
        assert clamp(secret) == int.from_bytes(secret, "little")
        assert crypto.x25519(secret, BASE_POINT) == chain_x25519(crypto, [first, second], BASE_POINT)


def test_a_product_and_its_negative_are_the_same_secret():
    assert secret_for_scalar(8 * 12345) == secret_for_scalar(CURVE_ORDER - 8 * 12345)


@pytest.mark.parametrize("scalar", [0, 8, CURVE_ORDER - 8, CURVE_ORDER - 2**255])
def test_the_few_products_that_no_secret_stands_for(scalar: int):
    assert secret_for_scalar(scalar) is None


def test_the_smallest_and_largest_product_that_a_secret_stands_for():
    # Half of the order is 4 modulo 8; the multiples of 8 on both sides of it are each other's negatives.
    smallest = CURVE_ORDER // 2 + 4
    assert clamp(secret_for_scalar(smallest) or b"") == smallest
    assert clamp(secret_for_scalar(smallest - 8) or b"") == smallest
    assert clamp(secret_for_scalar(2**255 - 8) or b"") == 2**255 - 8


@pytest.mark.parametrize("u", LOW_ORDER)
def test_low_order_points_give_no_shared_secret(crypto: CryptoProvider, u: int):
    with pytest.raises(InvalidPublicKey):
        chain_x25519(crypto, [bytes(range(32)), bytes(32)], u.to_bytes(32, "little"))
