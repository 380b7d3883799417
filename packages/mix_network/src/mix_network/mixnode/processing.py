"""Takes one layer off a packet: key choice, MAC, replay check. No clock, no socket."""

from __future__ import annotations

from mix_network.metrics import NodeMetrics
from mix_network.node_keys import SphinxKeyring
from mix_protocol.addressing import KeyRotation
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.sphinx.errors import BadMac
from mix_protocol.sphinx.processing import FinalPacket, ForwardPacket, OpenedHeader, SealedPacket, open_header
from mix_protocol.sphinx.replay import ReplayFilter

_REPLAY_CAPACITY = 1 << 18
"""Tags remembered for each key: at a node's share of a local network's cover traffic, more than an hour's packets."""


class PacketProcessor:
    """Opens packets with a node's keys (Nym spec: mix-node behaviour, pipeline for one received frame)."""

    def __init__(self, crypto: CryptoProvider, keyring: SphinxKeyring, metrics: NodeMetrics) -> None:
        self._crypto = crypto
        self._keyring = keyring
        self._metrics = metrics
        self._replay_filters: dict[int, ReplayFilter] = {}

    def process(self, packet: bytes, key_rotation: KeyRotation) -> ForwardPacket | FinalPacket | SealedPacket | None:
        """The packet with this hop's layer taken off; None if it was dropped, which is then counted."""
        try:
            opened = self._open(packet, key_rotation)
            return opened.process() if opened is not None else None
        except PeerMisbehaved as error:
            self._metrics.malformed += 1
            self._metrics.drop(error.code)
            return None

    def forget_old_rotations(self) -> None:
        """Drop the replay filters of keys that are gone; to be called when the keys have changed."""
        held = self._keyring.rotation_ids
        self._replay_filters = {key: value for key, value in self._replay_filters.items() if key in held}

    def _open(self, packet: bytes, key_rotation: KeyRotation) -> OpenedHeader | None:
        candidates = self._keyring.candidates(key_rotation)
        if not candidates:
            self._metrics.drop("no_key_for_rotation")
            return None
        for index, pair in enumerate(candidates):
            try:
                opened = open_header(self._crypto, pair.secret, packet)
            except BadMac:
                if index + 1 < len(candidates):
                    continue
                raise
            seen = self._replay_filters.get(pair.rotation_id)
            if seen is None:
                seen = self._replay_filters[pair.rotation_id] = ReplayFilter(_REPLAY_CAPACITY)
            if seen.check_and_set(opened.replay_tag):
                return opened
            self._metrics.replayed += 1
            self._metrics.drop("replayed")
            return None
        raise AssertionError("unreachable: the last candidate returns or raises")
