"""Takes one layer off each packet: key choice, MAC, replay check. No clock, no socket."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Protocol

from mix_network.metrics import NodeMetrics
from mix_network.node_keys import HeldKeys
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


class SeenPackets(Protocol):
    """Remembers replay tags: a `ReplayFilter`, one that several processes share, or one on disk."""

    def check_and_set_all(self, tags: Iterable[bytes]) -> list[bool]:
        """Remember tags, one after the other; True for each that is new."""
        ...


class ReplayFilters(Protocol):
    """The replay filters of a node's keys."""

    def of(self, rotation_id: int) -> SeenPackets:
        """That of a rotation's key; an empty one for another key."""
        ...

    def hold(self, rotation_ids: Collection[int]) -> None:
        """Keep those of these keys and forget all others."""
        ...


class MemoryReplayFilters:
    """Filters that end with the process, as its keys must then, too."""

    def __init__(self, capacity: int = _REPLAY_CAPACITY) -> None:
        self._capacity = capacity
        self._filters: dict[int, ReplayFilter] = {}

    def of(self, rotation_id: int) -> ReplayFilter:
        """That of a rotation's key."""
        seen = self._filters.get(rotation_id)
        if seen is None:
            seen = self._filters[rotation_id] = ReplayFilter(self._capacity)
        return seen

    def hold(self, rotation_ids: Collection[int]) -> None:
        """Keep those of these keys."""
        self._filters = {key: value for key, value in self._filters.items() if key in rotation_ids}


class PacketProcessor:
    """Opens packets with a node's keys (Nym spec: mix-node behaviour, pipeline for one received frame).

    replay_filters -- what was seen; None remembers it in memory
    """

    def __init__(
        self,
        crypto: CryptoProvider,
        keyring: HeldKeys,
        metrics: NodeMetrics,
        replay_filters: ReplayFilters | None = None,
    ) -> None:
        self._crypto = crypto
        self._keyring = keyring
        self._metrics = metrics
        # An empty one is false.
        self._replay_filters = MemoryReplayFilters() if replay_filters is None else replay_filters

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
        self._replay_filters.hold(self._keyring.rotation_ids)

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
            tags = [one.replay_tag for one in processed if one.replay_tag is not None]
            are_new = iter(self._replay_filters.of(pair.rotation_id).check_and_set_all(tags))
            for at, one in zip(tried, processed, strict=True):
                if isinstance(one.outcome, BadMac) and not is_last:
                    left.append(at)
                else:
                    outcomes[at] = self._judge(one, is_new=one.replay_tag is None or next(are_new))
            if not left:
                break
        return outcomes

    def _judge(self, processed: ProcessedPacket, *, is_new: bool) -> Outcome:
        outcome = processed.outcome
        if not is_new:
            self._metrics.replayed += 1
            self._metrics.drop("replayed")
            return None
        if isinstance(outcome, PeerMisbehaved):
            self._metrics.malformed += 1
            self._metrics.drop(outcome.code)
            return None
        return outcome
