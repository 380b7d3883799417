"""Draws which node does what in an epoch, so that anybody can draw it again. No clock, no randomness of its own.

Nodes stand in the order of SHA-256(tag ‖ seed ‖ epoch, four bytes big-endian ‖ identity), which is a fair shuffle for
whoever could not choose a key after the seed was known. Mix nodes are dealt to the layers one by one in that order, so
that layers differ by one node at most. What matters is the identity: neither the order of the list nor a node's number
changes anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mix_protocol.errors import UsageError
from mix_protocol.topology.documents import RewardedSet
from mix_protocol.topology.topology import LAYER_COUNT

SEED_LENGTH: Final = 32
_TAG: Final = b"mix-network draw of an epoch, 1\0"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node that may get a job.

    identity -- Ed25519 public key, 32 bytes
    mixes, enters, exits -- what it declares that it can do
    """

    node_id: int
    identity: bytes
    mixes: bool = False
    enters: bool = False
    exits: bool = False

    @property
    def is_gateway(self) -> bool:
        """Whether it takes clients or leads out."""
        return self.enters or self.exits


def draw_rewarded_set(
    seed: bytes, epoch_id: int, candidates: Iterable[Candidate], *, nodes_per_layer: int | None = None
) -> RewardedSet:
    """Give each node at most one job. Layers are empty where there are too few nodes; who publishes it must look.

    seed -- 32 public bytes, of the network or better of the epoch
    nodes_per_layer -- the most that one layer gets; other mix nodes stand by. None for all of them

    Who only mixes, mixes. Nodes that could be gateways as well mix where the others don't fill each layer with one,
    and as long as a gateway is left. Who can be entry and exit is an exit, for fewer can.
    """
    if len(seed) != SEED_LENGTH:
        raise UsageError(f"the seed of a draw has {SEED_LENGTH} bytes")
    ranked = sorted(candidates, key=lambda candidate: _rank(seed, epoch_id, candidate.identity))
    mixes = [each for each in ranked if each.mixes and not each.is_gateway]
    gateways = [each for each in ranked if each.is_gateway]
    for each in [each for each in gateways if each.mixes]:
        if len(mixes) >= LAYER_COUNT or len(gateways) == 1:
            break
        mixes.append(each)
        gateways.remove(each)
    most = len(mixes) if nodes_per_layer is None else nodes_per_layer * LAYER_COUNT
    layers = [sorted(each.node_id for each in mixes[:most][place::LAYER_COUNT]) for place in range(LAYER_COUNT)]
    return RewardedSet(
        epoch_id=epoch_id,
        entry_gateways=sorted(each.node_id for each in gateways if not each.exits),
        exit_gateways=sorted(each.node_id for each in gateways if each.exits),
        layer1=layers[0],
        layer2=layers[1],
        layer3=layers[2],
        standby=sorted(each.node_id for each in mixes[most:]),
    )


def _rank(seed: bytes, epoch_id: int, identity: bytes) -> bytes:
    return hashlib.sha256(b"".join((_TAG, seed, epoch_id.to_bytes(4, "big"), identity))).digest()
