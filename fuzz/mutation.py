"""Inputs out of seeds, without any knowledge of what they reach: for where atheris can't be had, and for short runs.

What is done to a seed is what other fuzzers do to one (AFL's "havoc" stage).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

MAX_LENGTH = 1 << 17
_INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, (1 << 64) - 1)
_WORDS = (b"\r\n\r\n", b"0\r\n", b":", b",", b'"', b"[" * 40, b"\xff\xff\xff\xff", b"1e999", b"null", b"-1", b"\\u0000")


def inputs(seeds: Sequence[bytes], number: int) -> Iterator[bytes]:
    """The seeds themselves, then endlessly what becomes of them; the same for the same number."""
    yield from seeds
    chance = random.Random(number)  # noqa: S311 -- it has to repeat
    while True:
        data = bytearray(chance.choice(seeds)) if seeds else bytearray()
        for _ in range(1 << chance.randrange(5)):
            _change(data, seeds, chance)
        yield bytes(data[:MAX_LENGTH])


def _change(data: bytearray, seeds: Sequence[bytes], chance: random.Random) -> None:
    if not data:
        data += chance.randbytes(chance.randrange(1, 64))
        return
    at = chance.randrange(len(data))
    length = min(len(data) - at, 1 << chance.randrange(10))
    kind = chance.randrange(9)
    if kind == 0:
        data[at] ^= 1 << chance.randrange(8)
    elif kind == 1:
        data[at] = chance.randrange(256)
    elif kind == 2:
        width = chance.choice((1, 2, 4, 8))
        value = chance.choice(_INTERESTING) & ((1 << 8 * width) - 1)
        data[at : at + width] = value.to_bytes(width, chance.choice(("big", "little")))
    elif kind == 3:
        data[at] = (data[at] + chance.randrange(-35, 36)) & 0xFF
    elif kind == 4:
        del data[at : at + length]
    elif kind == 5:
        data[at:at] = data[at : at + length] * chance.choice((1, 1, 2, 16))
    elif kind == 6:
        data[at:at] = chance.randbytes(length)
    elif kind == 7:
        data[at:at] = chance.choice(_WORDS)
    else:
        other = chance.choice(seeds)
        start = chance.randrange(len(other) + 1)
        data[at : at + length] = other[start : start + 1 + chance.randrange(256)]
