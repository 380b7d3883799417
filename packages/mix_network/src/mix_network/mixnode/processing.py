"""Takes one layer off each packet: key choice, MAC, replay check. No clock, no socket."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter

from mix_network.metrics import NodeMetrics
from mix_network.node_keys import SphinxKeyring
from mix_protocol.addressing import KeyRotation
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.mixwire.frames import NodeFrame
from mix_protocol.sphinx.errors import BadMac
from mix_protocol.sphinx.processing import FinalPacket, ForwardPacket, ProcessedPacket, SealedPacket, process_packets
from mix_protocol.sphinx.replay import ReplayFilter

_REPLAY_CAPACITY = 1 << 18
"""Tags remembered for each key: at a node's share of a local network's cover traffic, more than an hour's packets."""

Outcome = ForwardPacket | FinalPacket | SealedPacket | None
"""A packet with a node's layer taken off; None for one that was dropped."""


class PacketProcessor:
    """Opens packets with a node's keys (Nym spec: mix-node behaviour, pipeline for one received frame)."""

    def __init__(self, crypto: CryptoProvider, keyring: SphinxKeyring, metrics: NodeMetrics) -> None:
        self._crypto = crypto
        self._keyring = keyring
        self._metrics = metrics
        self._replay_filters: dict[int, ReplayFilter] = {}

    def process_frames(self, frames: Sequence[NodeFrame]) -> list[Outcome]:
        """Take this hop's layer off each packet, in their order; those that are dropped are counted.

        All at once costs less than one by one. A replay costs as much as any other packet.
        """
        outcomes: list[Outcome] = []
        for key_rotation, group in groupby(frames, attrgetter("key_rotation")):
            outcomes += self._process_alike([frame.packet for frame in group], key_rotation)
        return outcomes

    def forget_old_rotations(self) -> None:
        """Drop the replay filters of keys that are gone; to be called when the keys have changed."""
        held = self._keyring.rotation_ids
        self._replay_filters = {key: value for key, value in self._replay_filters.items() if key in held}

    def _process_alike(self, packets: Sequence[bytes], key_rotation: KeyRotation) -> list[Outcome]:
        candidates = self._keyring.candidates(key_rotation)
        if not candidates:
            for _ in packets:
                self._metrics.drop("no_key_for_rotation")
            return [None] * len(packets)
        outcomes: list[Outcome] = [None] * len(packets)
        left = list(range(len(packets)))
        for index, pair in enumerate(candidates):
            is_last = index + 1 == len(candidates)
            tried, left = left, []
            processed = process_packets(self._crypto, pair.secret, [packets[at] for at in tried])
            for at, one in zip(tried, processed, strict=True):
                if isinstance(one.outcome, BadMac) and not is_last:
                    left.append(at)
                else:
                    outcomes[at] = self._judge(one, pair.rotation_id)
            if not left:
                break
        return outcomes

    def _judge(self, processed: ProcessedPacket, rotation_id: int) -> Outcome:
        tag, outcome = processed
        if tag is not None:
            seen = self._replay_filters.get(rotation_id)
            if seen is None:
                seen = self._replay_filters[rotation_id] = ReplayFilter(_REPLAY_CAPACITY)
            if not seen.check_and_set(tag):
                self._metrics.replayed += 1
                self._metrics.drop("replayed")
                return None
        if isinstance(outcome, PeerMisbehaved):
            self._metrics.malformed += 1
            self._metrics.drop(outcome.code)
            return None
        return outcome
