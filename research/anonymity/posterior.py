"""Who may have sent a message, as far as an adversary can tell who sees every link.

A mix holds each packet for an exponentially distributed time. That has no memory: of what is in a mix, whatever came
when, each packet is as likely to leave next. So, going back in time from the moment at which a message was seen to
leave a mix, the probability that it is any given one of the k packets inside is 1/k. When one comes in, which going
back is leaving, it takes that share of the probability with it, to the mix or client that it came from; when one
leaves, nothing changes. Serjantov and Danezis, "Towards an Information Theoretic Metric for Anonymity" (2002), and Diaz
and others, "Towards measuring anonymity" (2002), take the entropy of what comes out at the senders as the size of the
anonymity set; Danezis, "The Traffic Analysis of Continuous-Time Mixes" (2004), and Piotrowska and others, "The Loopix
Anonymity System" (2017), have the argument for exponential delays.

In a mix that is the adversary's own it sees which packet is which, so the probability passes it as the packet does.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from research.anonymity.trace import FROM_NODE, Trace

Floats = NDArray[np.float64]


class Target(NamedTuple):
    """A message that was seen to leave the mix of a layer, counted from 1: with 3, to come to its gateway."""

    packet: int
    layer: int


class Posterior(NamedTuple):
    """What is known of each target.

    senders -- a row a client, a column a target: how likely it is that the client sent it. What is missing to 1 came
        from gateways, where everybody sees that it is no client's
    packets -- by target, the entropy in bits of which packet it was of those that clients sent
    """

    senders: Floats
    packets: Floats


def trace_back(trace: Trace, targets: Sequence[Target], clients: int, corrupt: Collection[int] = ()) -> Posterior:
    """Work out who may have sent each target, from a trace that begins with empty mixes.

    corrupt -- numbers of the mix nodes that the adversary runs
    """
    mixes = int(trace.node.max(initial=-1)) + 1
    inside = np.zeros((mixes, len(targets)))
    senders = np.zeros((clients, len(targets)))
    entropy = np.zeros(len(targets))
    on_links: dict[int, Floats] = {}
    seen = _departures_of(trace, targets)
    pools = _pools(trace, mixes)
    own = np.zeros(mixes, dtype=np.bool_)
    own[list(corrupt)] = True
    last_seen = max(seen, default=-1)
    firsts = _first_events(trace)
    nodes, packets, leaves = trace.node.tolist(), trace.packet.tolist(), trace.leaves.tolist()
    makers = trace.maker.tolist()
    for event in range(last_seen, -1, -1):
        packet, node = packets[event], nodes[event]
        if leaves[event]:
            weight = on_links.pop(packet, None)
            if event in seen:
                weight = np.zeros(len(targets)) if weight is None else weight
                for target in seen[event]:
                    weight[target] = 1.0
            if weight is None:
                continue
            if own[node]:
                on_links[packet] = weight
            else:
                inside[node] += weight
            continue
        if own[node]:
            weight = on_links.pop(packet, None)
            if weight is None:
                continue
        else:
            row = inside[node]
            if not row.any():
                continue
            weight = row / pools[event]
            row -= weight
        if event == firsts[packet]:
            if makers[packet] != FROM_NODE:
                senders[makers[packet]] += weight
                entropy -= _plogp(weight)
        else:
            on_links[packet] = weight
    total = senders.sum(axis=0)
    whole = total > 0
    entropy[whole] = entropy[whole] / total[whole] + np.log2(total[whole])
    return Posterior(senders, entropy)


def entropies(senders: Floats) -> Floats:
    """The entropy of each column in bits, of what of it sums up to 1."""
    total = senders.sum(axis=0)
    shares = np.divide(senders, total, out=np.zeros_like(senders), where=total > 0)
    return np.asarray(-_plogp(shares).sum(axis=0) + 0.0)


def _plogp(weight: Floats) -> Floats:
    return weight * np.log2(weight, out=np.zeros_like(weight), where=weight > 0)


def _departures_of(trace: Trace, targets: Sequence[Target]) -> dict[int, list[int]]:
    """The events at which the targets were seen, each with their places in the list."""
    wanted: dict[int, list[tuple[int, int]]] = {}
    for place, target in enumerate(targets):
        wanted.setdefault(target.packet, []).append((target.layer, place))
    layers = dict.fromkeys(wanted, 0)
    seen: dict[int, list[int]] = {}
    for event in np.flatnonzero(trace.leaves & np.isin(trace.packet, list(wanted))).tolist():
        packet = int(trace.packet[event])
        layers[packet] += 1
        for layer, place in wanted[packet]:
            if layer == layers[packet]:
                seen.setdefault(event, []).append(place)
    return seen


def _pools(trace: Trace, mixes: int) -> list[int]:
    """How many packets a mix holds just behind each event."""
    held = [0] * mixes
    pools = []
    for node, leaves in zip(trace.node.tolist(), trace.leaves.tolist(), strict=True):
        held[node] += -1 if leaves else 1
        pools.append(held[node])
    return pools


def _first_events(trace: Trace) -> dict[int, int]:
    """The event at which each packet came to its first mix."""
    packets, events = np.unique(trace.packet, return_index=True)
    return dict(zip(packets.tolist(), events.tolist(), strict=True))
