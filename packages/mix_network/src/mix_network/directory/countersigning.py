"""Whether a directory vouches for what another one lists. No clock, no socket.

Directories need not agree on anything beforehand. One of them proposes, and each other one signs what it would have
said itself, as far as two honest observers can say the same:

- every node that is listed it has asked itself, and heard the same word for word: no made-up nodes, no changed keys,
  addresses or services;
- the epoch is drawn from what nodes declare, by a seed to which the drawing directory has committed itself before;
- of the nodes that do well in its own eyes at least two in three are candidates, and listed as doing well. The others
  may have joined a moment ago or be out of reach of one of the two: this is what a lie can still change.

So a lying directory gets no signature for nodes that nobody else knows. It may leave out a third of the honest ones, by
which its own nodes get one and a half times their share at most.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Final

from mix_network.directory.documents import roles_of, skimmed_row
from mix_network.directory.draw import draw_rewarded_set
from mix_network.directory.epochs import EpochBook
from mix_network.directory.proposal import Proposal
from mix_network.directory.registered_node import RegisteredNode
from mix_network.directory.state import EpochRecord
from mix_protocol.codec import base58
from mix_protocol.errors import MixError
from mix_protocol.topology.described import NodeDescription
from mix_protocol.topology.documents import INACTIVE, KeyRotationInfo
from mix_protocol.topology.nodes import MIN_PERFORMANCE_PERCENT
from mix_protocol.topology.signed_snapshot import CLOCK_SKEW_S, Snapshot

_MAY_LACK: Final = 1 / 3
_MAX_PERFORMANCE_APART: Final = 0.5


@dataclass(frozen=True)
class OwnView:
    """What the directory that is asked to sign knows itself.

    nodes -- by identity, all that have registered and answer
    good -- identities of those that should get a job
    key_rotation -- of the epoch, by its own count
    valid_until -- of the epoch's documents, by its own count
    adopted -- the draw on which directories have agreed already
    rank -- gives the place of a directory, by its key, in this epoch's order
    commitment -- gives what a directory has committed itself to before, by its key; None if it was not heard then
    """

    epoch_id: int
    wall_s: float
    nodes: dict[bytes, RegisteredNode] = field(repr=False)
    good: frozenset[bytes] = field(repr=False)
    key_rotation: KeyRotationInfo
    valid_until: int
    adopted: EpochRecord | None
    commitment: Callable[[bytes], bytes | None]
    rank: Callable[[bytes], int]
    epochs: EpochBook = field(repr=False)


@dataclass
class Findings:
    """What speaks against signing: nothing where `objections` is empty.

    to_ask -- identities of nodes that say something else to this directory, or are not known to it; if it asks them,
        the next answer may be another one
    """

    objections: list[str] = field(default_factory=list)
    to_ask: set[bytes] = field(default_factory=set)


def examine(snapshot: Snapshot, proposal: Proposal, proposer: bytes, own: OwnView) -> Findings:
    """Compare a proposal with what this directory knows. `proposer` is the key of the directory that asks."""
    findings = Findings()
    object_ = findings.objections.append
    if snapshot.epoch_id != own.epoch_id:
        object_(f"it is of epoch {snapshot.epoch_id}, and this is {own.epoch_id}: look at both clocks")
        return findings
    if abs(snapshot.taken_at - own.wall_s) > CLOCK_SKEW_S:
        object_("it was not taken now: look at both clocks")
    if snapshot.valid_until != own.valid_until or proposal.key_rotation != own.key_rotation:
        object_("it counts epochs or keys otherwise: epochs.length_s and epochs.rotation must be the same everywhere")
    metadata = proposal.nodes.metadata
    rotation_id = own.key_rotation.progress.current_key_rotation_id
    ids = (proposal.rewarded.epoch_id, metadata.absolute_epoch_id, proposal.draw.epoch_id)
    if any(each != own.epoch_id for each in ids) or metadata.rotation_id != rotation_id:
        object_("its documents belong to different epochs")
    _examine_draw(proposal, proposer, own, findings)
    _examine_nodes(proposal, own, rotation_id, findings)
    return findings


def _examine_draw(proposal: Proposal, proposer: bytes, own: OwnView, findings: Findings) -> None:
    draw, object_ = proposal.draw, findings.objections.append
    drawn = draw_rewarded_set(draw.seed, draw.epoch_id, draw.candidates, nodes_per_layer=own.epochs.nodes_per_layer)
    if drawn != proposal.rewarded:
        object_("its layers are not what comes of the seed; epochs.nodes_per_layer must be the same everywhere")
    adopted = own.adopted
    if adopted is not None and adopted.seed == draw.seed and _same_candidates(adopted, proposal):
        return
    if adopted is not None and own.rank(adopted.drawn_by or b"") <= own.rank(draw.drawn_by):
        object_("this epoch is drawn already, otherwise")
        return
    if draw.drawn_by != proposer:
        object_("it has somebody else's draw, on which nobody has agreed")
    commitment = own.commitment(draw.drawn_by)
    if commitment is not None and commitment != hashlib.sha256(draw.seed).digest():
        object_("its seed is not the one to which it had committed itself")
    if not own.epochs.is_complete(EpochRecord(draw.epoch_id, draw.seed, draw.candidates, drawn)):
        object_("too few nodes were there for a draw: epochs.least_mix_nodes must be the same everywhere")
    for each in draw.candidates:
        known = own.nodes.get(each.identity)
        if known is None or replace(known.candidate, node_id=each.node_id) != each:
            findings.to_ask.add(each.identity)
    if findings.to_ask:
        object_(f"{len(findings.to_ask)} candidates are unknown here, or declare other roles")
    _insist(own.good, {each.identity for each in draw.candidates}, "candidates", findings)


def _examine_nodes(proposal: Proposal, own: OwnView, rotation_id: int, findings: Findings) -> None:
    rows, described = proposal.nodes.nodes.data, proposal.described.data
    complete = all(
        page.size == page.total == len(data)
        for page, data in ((proposal.nodes.nodes.pagination, rows), (proposal.described.pagination, described))
    )
    numbers = [row.node_id for row in rows]
    if not complete or len(set(numbers)) < len(numbers) or numbers != [each.node_id for each in described]:
        findings.objections.append("its lists are not of the same nodes, or have rows that can't be read")
        return
    roles = roles_of(proposal.rewarded)
    differing, agreeing = set(), set()
    for row, telling in zip(rows, described, strict=True):
        try:
            identity, performance = base58.decode(row.ed25519_identity_pubkey), float(row.performance)
        except (MixError, ValueError):
            findings.objections.append("a node has no identity, or a performance that is no number")
            return
        known = own.nodes.get(identity)
        listed_as = roles.get(row.node_id, INACTIVE)
        if (
            known is None
            or _without_time(known.description) != _without_time(telling.description)
            or skimmed_row(RegisteredNode(row.node_id, known.description, performance), rotation_id, listed_as) != row
        ):
            differing.add(identity)
        elif (
            row.performance_percent >= MIN_PERFORMANCE_PERCENT
            and abs(performance - known.performance) <= _MAX_PERFORMANCE_APART
        ):
            agreeing.add(identity)
    if differing:
        findings.to_ask |= differing
        findings.objections.append(f"{len(differing)} nodes are unknown here, or say something else")
    _insist(own.good, agreeing, "listed as doing well", findings)


def _insist(good: Collection[bytes], present: Collection[bytes], what: str, findings: Findings) -> None:
    """No more than a third of those whom this directory knows for good may be missing."""
    missing = set(good) - set(present)
    if len(missing) > _MAY_LACK * len(good):
        findings.objections.append(f"{len(missing)} of {len(good)} nodes that do well are not {what}")


def _same_candidates(record: EpochRecord, proposal: Proposal) -> bool:
    """Whatever numbers the two directories have given them."""
    both = (record.candidates, proposal.draw.candidates)
    one, other = ({replace(each, node_id=0) for each in candidates} for candidates in both)
    return one == other


def _without_time(description: NodeDescription) -> NodeDescription:
    return replace(description, last_polled="")
