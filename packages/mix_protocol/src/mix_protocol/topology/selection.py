"""The order in which a client tries candidates: at random, so that clients spread over the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from mix_protocol.crypto.randomness import RandomBytes, exponential, uniform_below
from mix_protocol.topology.exits import ExitNode

T = TypeVar("T")


def in_random_order(random: RandomBytes, candidates: Sequence[T]) -> list[T]:
    """Every candidate once, each order as likely (Fisher and Yates)."""
    order = list(candidates)
    for last in range(len(order) - 1, 0, -1):
        other = uniform_below(random, last + 1)
        order[last], order[other] = order[other], order[last]
    return order


def in_weighted_order(random: RandomBytes, exits: Sequence[ExitNode]) -> list[ExitNode]:
    """Every exit once; each next one is as likely as its performance among those that are left.

    A race of exponential clocks, each as fast as its exit's weight, ends in exactly that order (Efraimidis and
    Spirakis, "Weighted random sampling with a reservoir").
    """
    arrivals = [exponential(random, 1.0 / max(exit_node.performance_percent, 1)) for exit_node in exits]
    return [exits[index] for index in sorted(range(len(exits)), key=arrivals.__getitem__)]
