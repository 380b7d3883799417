"""Randomness as an argument: a source of bytes, and what is drawn from it.

At the edge of a program the source is `os.urandom`; in tests and simulations a `SeededRandom`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from typing import TypeVar

RandomBytes = Callable[[int], bytes]
T = TypeVar("T")

_UNIFORM_BYTES = 7


def uniform_below(random: RandomBytes, bound: int) -> int:
    """An unbiased integer from 0 up to but excluding `bound`."""
    if bound < 1:
        raise ValueError("bound must be at least 1")
    size = (bound.bit_length() + 7) // 8 + 1
    limit = (1 << 8 * size) // bound * bound
    while True:
        value = int.from_bytes(random(size), "big")
        if value < limit:
            return value % bound


def uniform(random: RandomBytes) -> float:
    """A float from 0 up to but excluding 1, of 53 random bits."""
    return _uniform_from(random(_UNIFORM_BYTES))


def _uniform_from(drawn: bytes) -> float:
    return (int.from_bytes(drawn, "big") >> 3) * 2.0**-53


def choose(random: RandomBytes, items: Sequence[T]) -> T:
    """One of `items`, each as likely."""
    return items[uniform_below(random, len(items))]


def exponential(random: RandomBytes, mean: float) -> float:
    """A draw from the exponential distribution, in the unit of `mean`."""
    return -math.log1p(-uniform(random)) * mean


def exponentials(random: RandomBytes, mean: float, count: int) -> list[float]:
    """So many of them, from one draw: the same as one after the other."""
    drawn = random(count * _UNIFORM_BYTES)
    starts = range(0, len(drawn), _UNIFORM_BYTES)
    return [-math.log1p(-_uniform_from(drawn[at : at + _UNIFORM_BYTES])) * mean for at in starts]


class SeededRandom:
    """Repeatable bytes from a seed, for tests and simulations alone."""

    def __init__(self, seed: int | str | bytes) -> None:
        self._seed = seed if isinstance(seed, bytes) else str(seed).encode()
        self._counter = 0
        self._pool = b""

    def __call__(self, count: int) -> bytes:
        while len(self._pool) < count:
            block = self._counter.to_bytes(8, "big") + self._seed
            self._pool += hashlib.shake_128(block).digest(4096)
            self._counter += 1
        piece, self._pool = self._pool[:count], self._pool[count:]
        return piece
