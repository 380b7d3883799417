"""What directories sign together: the documents of one epoch at one moment, with the draw that they follow from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mix_network.directory.documents import DirectoryDocuments
from mix_network.directory.draw import SEED_LENGTH, Candidate
from mix_network.directory.state import EpochRecord
from mix_network.rotation import RotationSchedule
from mix_protocol.codec import base58
from mix_protocol.codec.json import decode_json, encode_json
from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.codec.steps import Steps
from mix_protocol.topology.described import DescribedNodes, decode_described_in_steps
from mix_protocol.topology.documents import (
    MAX_NODES,
    KeyRotationInfo,
    RewardedSet,
    SkimmedNodes,
    decode_key_rotation_info,
    decode_rewarded_set,
    decode_skimmed_in_steps,
)
from mix_protocol.topology.signed_snapshot import KEY_LENGTH, Snapshot, SnapshotDocuments

_WHAT = "draw of an epoch"


@dataclass(frozen=True, kw_only=True)
class _WireCandidate:
    node_id: int
    identity: str
    mixes: bool
    enters: bool
    exits: bool


@dataclass(frozen=True, kw_only=True)
class _WireDraw:
    epoch_id: int
    seed: str
    drawn_by: str
    candidates: list[_WireCandidate]


def describe_draw(record: EpochRecord) -> dict[str, Any]:
    """What a draw is made from, for anybody to make it again."""
    return {
        "epoch_id": record.epoch_id,
        "seed": record.seed.hex(),
        "candidates": [
            {
                "node_id": each.node_id,
                "identity": base58.encode(each.identity),
                "mixes": each.mixes,
                "enters": each.enters,
                "exits": each.exits,
            }
            for each in record.candidates
        ],
    }


@dataclass(frozen=True)
class Draw:
    """What a signed draw says: nothing of it is checked.

    drawn_by -- key of the directory whose seed it is
    candidates -- with the numbers that the directory which sends it has given them
    """

    epoch_id: int
    seed: bytes
    drawn_by: bytes
    candidates: tuple[Candidate, ...]

    @classmethod
    def decode(cls, data: bytes) -> Draw:
        """Read its JSON. Raises `MalformedMessage`."""
        wire = decode_json(data, _WireDraw, _WHAT)
        if len(wire.candidates) > MAX_NODES:
            raise MalformedMessage(_WHAT, "it has more nodes than any network")
        try:
            seed = bytes.fromhex(wire.seed)
        except ValueError:
            seed = b""
        if len(seed) != SEED_LENGTH:
            raise MalformedMessage(_WHAT, f"its seed has {SEED_LENGTH} bytes in hexadecimal digits")
        candidates = tuple(
            Candidate(each.node_id, base58.decode(each.identity, KEY_LENGTH), each.mixes, each.enters, each.exits)
            for each in wire.candidates
        )
        return cls(wire.epoch_id, seed, base58.decode(wire.drawn_by, KEY_LENGTH), candidates)


@dataclass(frozen=True)
class Proposal:
    """A snapshot's documents, read."""

    key_rotation: KeyRotationInfo
    rewarded: RewardedSet
    nodes: SkimmedNodes
    described: DescribedNodes
    draw: Draw

    @classmethod
    def decode_in_steps(cls, body: bytes) -> Steps[Proposal]:
        """Read the lines of a snapshot. Raises `MalformedDocument`, `DocumentTooLarge`, `MalformedMessage`."""
        texts = SnapshotDocuments.decode(body)
        nodes = yield from decode_skimmed_in_steps(texts.nodes)
        described = yield from decode_described_in_steps(texts.described)
        return cls(
            decode_key_rotation_info(texts.key_rotation),
            decode_rewarded_set(texts.rewarded_set),
            nodes,
            described,
            Draw.decode(texts.draw),
        )


def make_snapshot(
    documents: DirectoryDocuments, schedule: RotationSchedule, record: EpochRecord, drawn_by: bytes, wall_s: float
) -> Snapshot:
    """Take a snapshot of what a directory lists in an epoch, without the nodes from which directories try the others.

    drawn_by -- whose seed the epoch was drawn from
    """
    lists = documents.of_epoch(record.epoch_id, wall_s, record.rewarded)
    texts = SnapshotDocuments(
        encode_json(documents.key_rotation_of(record.epoch_id)),
        encode_json(record.rewarded),
        encode_json(lists.nodes),
        encode_json(lists.described),
        encode_json({**describe_draw(record), "drawn_by": base58.encode(drawn_by)}),
    )
    return Snapshot(record.epoch_id, int(wall_s), int(schedule.serves_until(record.epoch_id)), texts.encode())
