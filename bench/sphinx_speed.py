"""How many Sphinx packets a second one core builds and processes, and how many SURBs: in Python and compiled, by turns.

Runs unchanged natively (`python bench/sphinx_speed.py`) and inside Pyodide (sphinx_in_pyodide.mjs).
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address

from mix_protocol.addressing import NodeAddress
from mix_protocol.crypto.compiled_sphinx import PacketRequest
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.sphinx.core import sphinx_core
from mix_protocol.sphinx.delays import draw_delays_ns
from mix_protocol.sphinx.geometry import PAYLOAD_ZEROS_LENGTH, PacketSize
from mix_protocol.sphinx.packet import build_packet, draw_packet
from mix_protocol.sphinx.processing import process_packets
from mix_protocol.sphinx.surb import build_surbs, draw_surb
from mix_protocol.sphinx.version import SphinxVersion
from mix_protocol.topology.route import RouteHop

HOPS = 4
MEAN_DELAY_MS = 15.0
ROUNDS = 100
"""Short ones, of which the best counts: others' work on the machine disturbs them least."""

Figures = dict[str, dict[str, float]]
"""Operations a second: in Python, compiled, and the ratio."""


def per_second(runs: Sequence[Callable[[], object]], seconds: float) -> list[float]:
    """Call each for about `seconds`, by turns in short rounds; the calls per CPU second of each one's best round."""
    best = [0.0] * len(runs)
    for _ in range(ROUNDS):
        for number, run in enumerate(runs):
            count = 0
            start = time.process_time()
            while (elapsed := time.process_time() - start) < seconds / ROUNDS:
                run()
                count += 1
            best[number] = max(best[number], count / elapsed)
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

    def build_with_acks(self, count: int) -> None:
        """Build what a client sends for fragments: for each an ack packet, and the regular packet that carries it."""
        requests: list[PacketRequest] = []
        for _ in range(count):
            ack, regular = (
                draw_packet(
                    self.random,
                    route=self.route,
                    delays_ns=draw_delays_ns(self.random, HOPS, MEAN_DELAY_MS),
                    destination=self.destination,
                    message=self.message[: size.plaintext_length],
                    size=size,
                    version=SphinxVersion.SEEDED,
                )
                for size in (PacketSize.ACK, PacketSize.REGULAR)
            )
            requests += [ack, (*regular[:6], len(requests), PAYLOAD_ZEROS_LENGTH)]
        sphinx_core(self.crypto).build_packets(requests)

    def build_surbs(self, count: int) -> None:
        """Build SURBs in one call, delays included."""
        requests = [
            draw_surb(
                self.random,
                route=self.route,
                delays_ns=draw_delays_ns(self.random, HOPS, MEAN_DELAY_MS),
                destination=self.destination,
            )
            for _ in range(count)
        ]
        build_surbs(self.crypto, requests)


def operations(work: Workload) -> dict[str, tuple[int, Callable[[], object]]]:
    """What is measured: how many of it a call does, and the call."""
    seeded = work.build(PacketSize.REGULAR, SphinxVersion.SEEDED)
    full_keys = work.build(PacketSize.REGULAR, SphinxVersion.FULL_KEYS)
    crypto, node = work.crypto, work.secrets[0]
    return {
        "packets_with_ack_built": (1, lambda: work.build_with_acks(1)),
        "packets_with_ack_built_by_fours": (4, lambda: work.build_with_acks(4)),
        "surbs_built": (1, lambda: work.build_surbs(1)),
        "surbs_built_by_eights": (8, lambda: work.build_surbs(8)),
        "packets_processed": (1, lambda: process_packets(crypto, node, [seeded])),
        "packets_processed_by_sixteens": (16, lambda: process_packets(crypto, node, [seeded] * 16)),
        "cover_packets_processed_by_sixteens": (16, lambda: process_packets(crypto, node, [full_keys] * 16)),
    }


def measure(make_crypto: Callable[[], CryptoProvider], random: RandomBytes, seconds: float = 0.3) -> Figures:
    """Measure each operation for about `seconds`, in Python alone and with the compiled core as far as it is there."""
    python, compiled = make_crypto(), make_crypto()
    python.sphinx = None
    works = [Workload(python, random)]
    if compiled.sphinx is not None:
        works.append(Workload(compiled, random))
    table = [operations(work) for work in works]
    results: Figures = {}
    for name, (count, _) in table[0].items():
        figures = [round(count * figure, 1) for figure in per_second([one[name][1] for one in table], seconds)]
        results[name] = {"python": figures[0]}
        if len(figures) > 1:
            results[name] |= {"compiled": figures[1], "ratio": round(figures[1] / figures[0], 2)}
    return results


def main() -> None:
    """Measure with the provider of this platform and print one line of JSON."""
    if sys.platform == "emscripten":
        from mix_protocol.crypto.worker import WorkerCrypto as Crypto
    else:
        from mix_protocol.crypto.native import NativeCrypto as Crypto
    print(json.dumps({"crypto": Crypto.name, "per_second": measure(Crypto, os.urandom)}))


if __name__ == "__main__":
    main()
