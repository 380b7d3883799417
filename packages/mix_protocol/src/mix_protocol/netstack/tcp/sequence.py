"""Sequence numbers that do not wrap.

On the wire they count modulo 2**32 (RFC 9293 section 3.4). Inside, each is the unbounded integer that it stands for,
so that they compare and subtract like any numbers; only packing and unpacking know about the wrap.
"""

from __future__ import annotations

MODULUS = 1 << 32
_HALF = 1 << 31


def unwrap(wire: int, near: int) -> int:
    """The integer closest to `near` that is `wire` modulo 2**32."""
    return near + (wire - near + _HALF) % MODULUS - _HALF


def wrap(sequence: int) -> int:
    """The 32 bits that stand for `sequence` on the wire."""
    return sequence % MODULUS
