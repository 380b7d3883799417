"""Which node loses packets, from which of the packets came back that went through many: no clock, no socket.

A packet that went through seven nodes and is lost was lost by one of them, and nobody says by which. What each node
passes on is estimated so that what was seen is likeliest (expectation maximisation: Dempster, Laird and Rubin 1977; for
packets on paths: "network tomography"): a loss is shared out among the nodes of its path by how much each is thought to
lose, and from the shares it follows again how much that is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

Path = tuple[int, ...]
"""Numbers of the nodes that a packet is to pass, in this order; one of them may stand there twice."""

_MOST_ROUNDS: Final = 60
_SETTLED: Final = 0.0002
"""When no share changes by more than that from one round to the next, it is good enough."""
_PRIOR_TRIALS: Final = 2.0
"""What is known of a node otherwise counts as so many packets."""
LEAST_TRIALS: Final = 10
_GOOD: Final = 0.97
_START: Final = 0.99
_LEAST, _MOST = 0.001, 0.999
"""Nobody is taken to be perfect, or a loss that all others can't have had would be nobody's."""


def estimate_passed(tried: Iterable[tuple[Path, bool]], prior: Mapping[int, float]) -> dict[int, tuple[float, float]]:
    """By number of the node: which share of packets it passes on, 0 to 1, and of how many that was learned.

    tried -- paths, and whether the packet came back
    prior -- by number of the node, the share that is known otherwise; 1 for who is not named
    """
    counted: Counter[tuple[Path, bool]] = Counter(tried)
    nodes = {node for path, _ in counted for node in path}
    passes = {node: min(_bounded(prior.get(node, 1.0)), _START) for node in nodes}
    seen: dict[int, float] = {}
    for _ in range(_MOST_ROUNDS):
        reached: defaultdict[int, float] = defaultdict(float)
        passed: defaultdict[int, float] = defaultdict(float)
        for (path, has_returned), count in counted.items():
            if has_returned:
                for node in path:
                    reached[node] += count
                    passed[node] += count
                continue
            # The chance that it is lost at a node, and that it has got that far, given that it was lost somewhere.
            chance, at_node = 1.0, []
            for node in path:
                at_node.append(chance * (1 - passes[node]))
                chance *= passes[node]
            still_there = 1.0
            for node, loss in zip(path, at_node, strict=True):
                reached[node] += count * still_there
                still_there -= loss / (1 - chance)
                passed[node] += count * max(0.0, still_there)
        before, passes = (
            passes,
            {
                node: _bounded(
                    (passed[node] + _PRIOR_TRIALS * _bounded(prior.get(node, 1.0))) / (reached[node] + _PRIOR_TRIALS)
                )
                for node in nodes
            },
        )
        seen = reached
        if all(abs(passes[node] - share) < _SETTLED for node, share in before.items()):
            break
    return {node: (passes[node], seen[node]) for node in nodes}


def performance_of(alone: Mapping[int, float], tried: Iterable[tuple[Path, bool]]) -> dict[int, float]:
    """How well nodes do, 0 to 1, by number.

    alone -- shares of packets that went through one node and straight back
    tried -- whole routes, and whether the packet came back

    Who does worse on whole routes than when it can see that it is tried is taken at the worse.
    """
    on_routes = estimate_passed(tried, alone)
    found = dict(alone)
    for node, (share, trials) in on_routes.items():
        if trials >= LEAST_TRIALS:
            # The estimate never gives a node everything; where it is as good as that, so is the node.
            found[node] = min(alone.get(node, 1.0), share if share < _GOOD else 1.0)
    return found


def _bounded(share: float) -> float:
    return min(max(share, _LEAST), _MOST)
