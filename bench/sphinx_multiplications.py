"""A long comparison of multiplications: by the compiled Sphinx core and by libsodium; a million unless told otherwise.

    python bench/sphinx_multiplications.py [COUNT]

Random secrets and points, a tenth of both with long runs of equal bits; chains of five hops go through Python's core.
"""

from __future__ import annotations

import os
import random
import sys

import mix_sphinx_core
from nacl.bindings import crypto_scalarmult, crypto_scalarmult_base

from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.sphinx.core import PythonSphinxCore

BATCH = 500
POINTS = 10


def draw_secret() -> bytes:
    """32 random bytes, or now and then some with long runs of zeros and ones."""
    if random.randrange(10):
        return os.urandom(32)
    bits = 0
    while bits.bit_length() < 256:
        run = random.randrange(1, 100)
        bits = bits << run | random.choice((0, (1 << run) - 1)) | 1 << 255 >> random.randrange(256)
    return (bits % 2**256).to_bytes(32, "little")


def compare(count: int) -> int:
    """Compare at least so many multiplications; the number of those that differ."""
    oracle, wrong, done = PythonSphinxCore(NativeCrypto()), 0, 0
    while done < count:
        points = [crypto_scalarmult_base(draw_secret()) for _ in range(POINTS)]
        requests = [(draw_secret(), points[number % POINTS]) for number in range(BATCH)]
        for (secret, point), agreed in zip(requests, mix_sphinx_core.agree(requests), strict=True):
            wrong += agreed != (crypto_scalarmult_base(secret), crypto_scalarmult(secret, point))
        header = (b"".join(points[:5]), bytes(4 * 44 + 52), draw_secret(), bytes(8))
        wrong += mix_sphinx_core.build_headers([header]) != oracle.build_headers([header])
        done += 2 * BATCH
    return wrong


if __name__ == "__main__":
    total = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    differing = compare(total)
    print(f"{total} multiplications, {differing} differ")
    sys.exit(differing != 0)
