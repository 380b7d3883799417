"""This platform's crypto provider, and routes of hops whose keys are known."""

import sys
from ipaddress import IPv4Address

import pytest

from mix_protocol.addressing import NodeAddress
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.topology.route import RouteHop


@pytest.fixture(scope="session")
def crypto() -> CryptoProvider:
    if sys.platform == "emscripten":
        from mix_protocol.crypto.worker import WorkerCrypto

        return WorkerCrypto()
    from mix_protocol.crypto.native import NativeCrypto

    return NativeCrypto()


@pytest.fixture(scope="session")
def nodes(crypto: CryptoProvider) -> list[tuple[bytes, RouteHop]]:
    random = SeededRandom("property nodes")
    secrets = [random(32) for _ in range(5)]
    return [
        (secret, RouteHop(NodeAddress(IPv4Address(f"10.0.0.{i}"), 1789), crypto.x25519_public(secret)))
        for i, secret in enumerate(secrets, 1)
    ]
