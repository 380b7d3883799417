"""Figures from runs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from mix_protocol.crypto.randomness import SeededRandom
from research.anonymity.network import Clock
from research.anonymity.people import Client
from research.anonymity.posterior import Target, entropies, trace_back
from research.anonymity.simulate import SETTLING_S, Run, Scene, simulate
from research.anonymity.trace import FROM_NODE, Trace

LAYERS = 3


@dataclass(frozen=True)
class Entropy:
    """Of who sent a message, in bits, over many messages.

    mean, low, high -- the mean, and what nine in ten messages lie between
    packets -- the mean entropy of which packet it was; of one client there may be many
    known -- the share of messages of which the sender is as good as certain: less than a tenth of a bit is open
    messages -- how many were judged
    """

    mean: float
    low: float
    high: float
    packets: float
    known: float
    messages: int


def messages_of(run: Run, most: int) -> list[int]:
    """Packets of clients that came to an exit in the time that is judged; evenly chosen."""
    trace = run.trace
    exits = [member.number for member in run.population.exits]
    settled = trace.made_at >= SETTLING_S
    found = np.flatnonzero((trace.maker != FROM_NODE) & np.isin(trace.ended, exits) & settled)
    if len(found) > most:
        found = found[np.linspace(0, len(found) - 1, most).astype(int)]
    return [int(packet) for packet in found]


def any_packets(trace: Trace, begin: float, end: float, most: int) -> list[int]:
    """Packets of clients, cover or not, that came to their end and were sent in this span; evenly chosen."""
    sent = (trace.maker != FROM_NODE) & (trace.ended >= 0) & (trace.made_at >= begin) & (trace.made_at < end)
    found = np.flatnonzero(sent)
    return [int(packet) for packet in found[np.linspace(0, len(found) - 1, min(most, len(found))).astype(int)]]


def sender_entropy(run: Run, messages: list[int], layer: int = LAYERS, corrupt: Collection[int] = ()) -> Entropy:
    """What an adversary knows who sees all links and runs some mixes, behind so many layers."""
    return entropy_in(run.trace, run.scene.clients, messages, layer, corrupt)


def entropy_in(
    trace: Trace, clients: int, messages: list[int], layer: int = LAYERS, corrupt: Collection[int] = ()
) -> Entropy:
    """The same of a trace, wherever it is from."""
    posterior = trace_back(trace, [Target(packet, layer) for packet in messages], clients, corrupt)
    bits, packets = entropies(posterior.senders), posterior.packets
    if not len(bits):
        return Entropy(math.nan, math.nan, math.nan, math.nan, math.nan, 0)
    low, high = np.quantile(bits, (0.05, 0.95))
    known = float((bits < 0.1).mean())
    return Entropy(float(bits.mean()), float(low), float(high), float(packets.mean()), known, len(bits))


def draw_mixes(run: Run, share: float, seed: int) -> list[int]:
    """So large a share of the mix nodes, at random."""
    mixes = run.population.mixes
    order = sorted(mixes, key=lambda member: SeededRandom(f"corrupt {seed} {member.number}")(8))
    return [member.number for member in order[: round(share * len(mixes))]]


def alone(run: Run) -> dict[str, float]:
    """What a node can tell by itself, which sees nothing but its own packets and the neighbours that they come from:
    the mean entropy of their senders, each client that may have sent one being as likely."""
    at_gateway = Counter(client.gateway.number for client in run.clients)
    everybody = math.log2(run.scene.clients)
    behind_gateway = sum(count * math.log2(count) for count in at_gateway.values()) / run.scene.clients
    return {"entry": 0.0, "layer 1": behind_gateway, "layer 2": everybody, "layer 3": everybody, "exit": everybody}


@dataclass(frozen=True)
class Download:
    """What the links of clients show of a download.

    ranks -- for each, which place the client has among all by how many whole packets came to it meanwhile, from 1;
        halves where several are alike
    """

    clients: int
    ranks: tuple[float, ...]

    @property
    def mean_rank(self) -> float:
        """1 is knowing; half of the clients, guessing."""
        return float(np.mean(self.ranks))


def downloads(scene: Scene, length: int, each_s: float) -> Download:
    """Let one client after the other download so many bytes, while the others do what they do.

    each_s -- for so long the links are watched
    """
    asking = max(1, int(scene.seconds / each_s))
    began = [SETTLING_S + each_s * number for number in range(asking)]
    who = [scene.clients - 1 - number for number in range(asking)]  # of those that do nothing else

    def plan(clock: Clock, clients: tuple[Client, ...]) -> None:
        for at, number in zip(began, who, strict=True):
            clock.at(at, clients[number].download, length)

    run = simulate(scene, events=plan)
    ranks = []
    for at, number in zip(began, who, strict=True):
        counts = np.array([_count(pushed, at, at + each_s) for pushed in run.pushed_at])
        more, alike = int((counts > counts[number]).sum()), int((counts == counts[number]).sum())
        ranks.append(1 + more + (alike - 1) / 2)
    return Download(scene.clients, tuple(ranks))


def _count(times: list[float], begin: float, end: float) -> int:
    low, high = np.searchsorted(times, (begin, end))
    return int(high - low)
