"""Nodes with known keys, and this platform's crypto provider."""

import sys
from dataclasses import dataclass
from ipaddress import IPv4Address

import pytest

from mix_protocol.addressing import NodeAddress
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.sphinx.processing import FinalPacket, ForwardPacket, SealedPacket, process_packet
from mix_protocol.topology.route import RouteHop


@dataclass(frozen=True)
class Network:
    """Nodes 10.0.0.1:1789 and on; packets walk through them from the first to the last."""

    crypto: CryptoProvider
    secrets: list[bytes]
    route: list[RouteHop]

    def walk(self, packet: bytes) -> tuple[list[ForwardPacket], FinalPacket | SealedPacket]:
        """Process a packet at one node after the other until it is final."""
        forwarded: list[ForwardPacket] = []
        for secret in self.secrets:
            processed = process_packet(self.crypto, secret, packet)
            if isinstance(processed, FinalPacket | SealedPacket):
                return forwarded, processed
            forwarded.append(processed)
            packet = processed.packet
        raise AssertionError("the packet wants to go beyond its route")


@pytest.fixture(scope="session")
def crypto() -> CryptoProvider:
    if sys.platform == "emscripten":
        from mix_protocol.crypto.worker import WorkerCrypto

        return WorkerCrypto()
    from mix_protocol.crypto.native import NativeCrypto

    return NativeCrypto()


@pytest.fixture(scope="session")
def make_network(crypto: CryptoProvider):
    def make(hops: int) -> Network:
        random = SeededRandom("nodes")
        secrets = [random(32) for _ in range(hops)]
        route = [
            RouteHop(NodeAddress(IPv4Address(f"10.0.0.{i}"), 1789), crypto.x25519_public(secret))
            for i, secret in enumerate(secrets, 1)
        ]
        return Network(crypto, secrets, route)

    return make


@pytest.fixture(scope="session")
def network(make_network) -> Network:
    return make_network(4)
