"""How many Sphinx packets a second one core builds and processes, and how many SURBs it builds.

Runs unchanged natively (`python bench/sphinx_speed.py`) and inside Pyodide (`measure(WorkerCrypto(), os.urandom)`).
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from ipaddress import IPv4Address

from mix_protocol.addressing import NodeAddress
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.sphinx.delays import draw_delays_ns
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.packet import build_packet
from mix_protocol.sphinx.processing import process_packet
from mix_protocol.sphinx.surb import build_surb
from mix_protocol.sphinx.version import SphinxVersion
from mix_protocol.topology.route import RouteHop

HOPS = 4
MEAN_DELAY_MS = 15.0
ROUNDS = 5


def per_second(run: Callable[[], object], seconds: float) -> float:
    """Call `run` for about `seconds` in a few rounds, and give the calls per second of the best round."""
    run()
    best = 0.0
    for _ in range(ROUNDS):
        count = 0
        start = time.perf_counter()
        while (elapsed := time.perf_counter() - start) < seconds / ROUNDS:
            run()
            count += 1
        best = max(best, count / elapsed)
    return best


class Workload:
    """One route with known node keys, and what a client and a node do on it all day."""

    def __init__(self, crypto: CryptoProvider, random: RandomBytes) -> None:
        self.crypto, self.random = crypto, random
        self.secrets = [random(32) for _ in range(HOPS)]
        self.route = [
            RouteHop(NodeAddress(IPv4Address(0x0A000001 + i), 1789), crypto.x25519_public(secret))
            for i, secret in enumerate(self.secrets)
        ]
        self.destination = random(32)
        self.message = random(PacketSize.REGULAR.plaintext_length)

    def build(self, size: PacketSize, version: SphinxVersion) -> bytes:
        """Build one packet of a size, delays included."""
        return build_packet(
            self.crypto,
            self.random,
            route=self.route,
            delays_ns=draw_delays_ns(self.random, HOPS, MEAN_DELAY_MS),
            destination=self.destination,
            message=self.message[: size.plaintext_length],
            size=size,
            version=version,
        )

    def build_with_ack(self) -> None:
        """Build what a client sends for one fragment: an ack packet and the regular packet around it."""
        self.build(PacketSize.ACK, SphinxVersion.SEEDED)
        self.build(PacketSize.REGULAR, SphinxVersion.SEEDED)

    def build_surb(self) -> None:
        """Build one SURB, delays included."""
        build_surb(
            self.crypto,
            self.random,
            route=self.route,
            delays_ns=draw_delays_ns(self.random, HOPS, MEAN_DELAY_MS),
            destination=self.destination,
        )


def measure(crypto: CryptoProvider, random: RandomBytes, seconds: float = 1.0) -> dict[str, float]:
    """Measure each operation for about `seconds`; the figures are operations per second."""
    work = Workload(crypto, random)
    seeded = work.build(PacketSize.REGULAR, SphinxVersion.SEEDED)
    full_keys = work.build(PacketSize.REGULAR, SphinxVersion.FULL_KEYS)
    node = work.secrets[0]
    operations: dict[str, Callable[[], object]] = {
        "packets_with_ack_built": work.build_with_ack,
        "packets_built": lambda: work.build(PacketSize.REGULAR, SphinxVersion.SEEDED),
        "packets_processed": lambda: process_packet(crypto, node, seeded),
        "cover_packets_processed": lambda: process_packet(crypto, node, full_keys),
        "surbs_built": work.build_surb,
    }
    return {name: round(per_second(run, seconds), 1) for name, run in operations.items()}


def main() -> None:
    """Measure with the provider of this platform and print one line of JSON."""
    if sys.platform == "emscripten":
        from mix_protocol.crypto.worker import WorkerCrypto

        crypto: CryptoProvider = WorkerCrypto()
    else:
        from mix_protocol.crypto.native import NativeCrypto

        crypto = NativeCrypto()
    print(json.dumps({"crypto": crypto.name, "per_second": measure(crypto, os.urandom)}))


if __name__ == "__main__":
    main()
