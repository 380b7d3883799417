"""Curve25519 as the sender of a packet needs it: many X25519 steps with known secrets, done as one.

A hop's shared secret is X25519 applied to its public key with one secret after the other. On the curve's u-coordinates
each step multiplies by its clamped scalar, up to sign. The curve's group has 8q elements, so the whole chain is one
multiplication by the product N modulo 8q, or by 8q - N, which gives the same u-coordinate. N and 8q are multiples of
8, and the larger of N and 8q - N is at least 4q > 2**254: it is what clamping leaves unchanged, so one plain X25519
does the work of the chain. Points on the twist lie in another group, whose order is not 8q; `is_on_curve` tells.

Python's integers take a time that depends on their values. That is no leak here: every secret is drawn for one packet,
multiplied once, and at a moment that nobody else chooses.
"""

from __future__ import annotations

import functools
from typing import Final

_FIELD_PRIME: Final = 2**255 - 19
_CURVE_A: Final = 486662
_SUBGROUP_ORDER: Final = 2**252 + 27742317777372353535851937790883648493

CURVE_ORDER: Final = 8 * _SUBGROUP_ORDER

_COORDINATE_MASK: Final = 2**255 - 1
_CLAMP_MASK: Final = 2**254 - 8
_CLAMP_TOP: Final = 2**254


def clamp(secret: bytes) -> int:
    """Give the scalar that X25519 multiplies by for a 32-byte secret (RFC 7748, section 5)."""
    return int.from_bytes(secret, "little") & _CLAMP_MASK | _CLAMP_TOP


def secret_for_scalar(scalar: int) -> bytes | None:
    """Give an X25519 secret that multiplies u-coordinates of curve points by a product of clamped scalars.

    The product is taken modulo `CURVE_ORDER`. None when no secret does it, which happens with probability 2**-125.
    """
    larger = max(scalar, CURVE_ORDER - scalar)
    secret = larger.to_bytes(32, "little")
    return secret if clamp(secret) == larger else None


@functools.lru_cache(maxsize=4096)
def is_on_curve(point: bytes) -> bool:
    """Tell if a 32-byte u-coordinate belongs to the curve itself and not to its twist (nor is zero).

    Every honestly made public key does. The answer is kept, since a client meets the same node keys again and again.
    """
    u = (int.from_bytes(point, "little") & _COORDINATE_MASK) % _FIELD_PRIME
    right_side = u * (u * (u + _CURVE_A) + 1)
    return pow(right_side, (_FIELD_PRIME - 1) // 2, _FIELD_PRIME) == 1
