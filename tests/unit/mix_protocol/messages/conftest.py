"""What the tests of messages share: a provider, repeatable randomness, and SURBs without routes behind them."""

from __future__ import annotations

import sys
from ipaddress import IPv4Address

import pytest

from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.messages.reply_surb import ReplySurb
from mix_protocol.sphinx.geometry import HEADER_LENGTH
from mix_protocol.sphinx.surb import Surb


@pytest.fixture(scope="session")
def crypto() -> CryptoProvider:
    if sys.platform == "emscripten":
        from mix_protocol.crypto.worker import WorkerCrypto

        return WorkerCrypto()
    from mix_protocol.crypto.native import NativeCrypto

    return NativeCrypto()


@pytest.fixture
def random() -> SeededRandom:
    return SeededRandom("messages")


class SurbFactory:
    """Makes reply SURBs that encode and decode like real ones; no node would process their headers."""

    def __init__(self) -> None:
        self._random = SeededRandom("surbs")

    def __call__(self, rotation: KeyRotation = KeyRotation.ODD, *, hops: int = 4, key_length: int = 16) -> ReplySurb:
        material = tuple(self._random(key_length) for _ in range(hops))
        surb = Surb(self._random(HEADER_LENGTH), NodeAddress(IPv4Address("10.0.0.1"), 1789), material)
        return ReplySurb(self._random(16), surb, rotation)

    def many(self, count: int, rotation: KeyRotation = KeyRotation.ODD) -> tuple[ReplySurb, ...]:
        return tuple(self(rotation) for _ in range(count))


@pytest.fixture
def make_surb() -> SurbFactory:
    return SurbFactory()
