"""How long until a client has sent a packet over a route that the adversary runs from end to end.

Routes are drawn by the client's own `Topology.route_to`, layers by the directory's own draw.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mix_protocol.crypto.randomness import SeededRandom, choose, uniform
from mix_protocol.topology.topology import Topology
from research.anonymity.population import Population

EPOCH_S = 3600.0
MOST_DRAWS = 300
"""Routes of a client that are drawn one by one in an epoch. Beyond that the epoch's chance, which is known exactly,
says when: what was drawn says nothing about what comes."""


@dataclass(frozen=True)
class Plan:
    """Of whom, and for how long.

    packets_per_s -- that go to the exit or come from it
    redraws -- whether each epoch draws the layers anew
    session_s -- after so long a client begins a new session, with another entry gateway and exit; None for never
    whole -- whether the entry gateway and the exit have to be the adversary's, too
    """

    corrupt_share: float
    packets_per_s: float
    redraws: bool = True
    session_s: float | None = None
    whole: bool = False
    limit_s: float = 30 * 86_400.0


def draw_corrupt(population: Population, share: float, random: SeededRandom) -> frozenset[int]:
    """Numbers of the nodes that the adversary runs: each with the same chance, whatever it does."""
    return frozenset(each.number for each in population.members if uniform(random) < share)


def chance_of_route(topology: Topology, corrupt: Collection[int]) -> float:
    """The chance that all mixes of a fresh route are corrupt, where any may stand on a route with any other."""
    shares = [sum(node.node_id in corrupt for node in layer) / len(layer) for layer in topology.layers]
    return math.prod(shares)


def first_compromised(population: Population, plan: Plan, clients: int, seed: int) -> NDArray[np.float64]:
    """For each client, after how many seconds; infinite where it did not happen within the limit.

    Each client meets an adversary of its own, so that the figures are those of all adversaries with this share.
    """
    topologies: dict[int, Topology] = {}
    times = np.full(clients, np.inf)
    for number in range(clients):
        random = SeededRandom(f"routes {plan} {number} {seed}")
        corrupt = draw_corrupt(population, plan.corrupt_share, random)
        times[number] = _first_of_one(population, plan, corrupt, topologies, random)
    return times


def _first_of_one(
    population: Population,
    plan: Plan,
    corrupt: frozenset[int],
    topologies: dict[int, Topology],
    random: SeededRandom,
) -> float:
    began_s = 0.0
    while began_s < plan.limit_s:
        session_ends_s = min(plan.limit_s, began_s + (plan.session_s or math.inf))
        entry, way_out = choose(random, population.entries), choose(random, population.exits)
        if not plan.whole or (entry.number in corrupt and way_out.number in corrupt):
            found = _first_in_session(population, plan, corrupt, topologies, random, began_s, session_ends_s)
            if found is not None:
                return found
        began_s = session_ends_s
    return math.inf


def _first_in_session(
    population: Population,
    plan: Plan,
    corrupt: frozenset[int],
    topologies: dict[int, Topology],
    random: SeededRandom,
    began_s: float,
    ends_s: float,
) -> float | None:
    now = began_s
    while now < ends_s:
        epoch = int(now // EPOCH_S) if plan.redraws else 0
        epoch_ends_s = min(ends_s, (epoch + 1) * EPOCH_S) if plan.redraws else ends_s
        topology = topologies.get(epoch)
        if topology is None:
            topology = topologies[epoch] = population.topology(epoch)
        packets = int((epoch_ends_s - now) * plan.packets_per_s)
        after = _packets_until_corrupt(topology, population, corrupt, random, packets)
        if after is not None:
            return now + after / plan.packets_per_s
        now = epoch_ends_s
    return None


def _packets_until_corrupt(
    topology: Topology, population: Population, corrupt: frozenset[int], random: SeededRandom, most: int
) -> int | None:
    """How many packets until one goes over corrupt mixes only; None if none of so many does."""
    chance = chance_of_route(topology, corrupt)
    if not chance:
        return None
    numbers = {node.address: node.node_id for layer in topology.layers for node in layer}
    gateway = population.exits[0].identity
    for drawn in range(1, min(most, MOST_DRAWS) + 1):
        if all(numbers[hop.address] in corrupt for hop in topology.route_to(gateway, random)[:-1]):
            return drawn
    if most <= MOST_DRAWS:
        return None
    left = math.ceil(math.log1p(-uniform(random)) / math.log1p(-chance)) if chance < 1.0 else 1
    return MOST_DRAWS + left if MOST_DRAWS + left <= most else None
