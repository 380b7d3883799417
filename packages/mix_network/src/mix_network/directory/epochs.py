"""The epochs of a directory: each is drawn once, when it is first asked for, and never changes again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from mix_network.directory.draw import SEED_LENGTH, Candidate, draw_rewarded_set
from mix_network.directory.state import DirectoryState, EpochRecord
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.topology.documents import RewardedSet


class EpochBook:
    """Draws and remembers.

    An epoch's seed is chosen one epoch before, when only its hash is published. So whoever registers cannot choose a
    key by the seed, and the directory not a seed by the keys.

    candidates -- gives who should get a job now: those that do well. Where they don't suffice, all
    everybody -- gives all
    nodes_per_layer -- the most that one layer gets; None for all
    least_mix_nodes -- before so many are there nothing is drawn for good
    """

    def __init__(
        self,
        state: DirectoryState,
        random: RandomBytes,
        candidates: Callable[[], Sequence[Candidate]],
        everybody: Callable[[], Sequence[Candidate]],
        *,
        nodes_per_layer: int | None = None,
        least_mix_nodes: int = 3,
    ) -> None:
        self._state = state
        self._random = random
        self._pools = (candidates, everybody)
        self._nodes_per_layer = nodes_per_layer
        self._least_mix_nodes = least_mix_nodes
        self._current: EpochRecord | None = None

    def assign(self, epoch_id: int) -> RewardedSet:
        """Who does what in this epoch."""
        return self.record(epoch_id).rewarded

    def record(self, epoch_id: int) -> EpochRecord:
        """The epoch that has begun. Until there are enough nodes for it, it is drawn again each time."""
        if self._current is not None and self._current.epoch_id == epoch_id:
            return self._current
        record = self._state.epoch(epoch_id)
        if record is None:
            seed = self._seed(epoch_id)
            self._seed(epoch_id + 1)
            drawn = (self._draw(seed, epoch_id, pool()) for pool in self._pools)
            record = next(filter(self._is_complete, drawn), None)
            if record is None:
                return self._draw(seed, epoch_id, self._pools[-1]())
            self._state.keep_epoch(epoch_id, record.candidates, record.rewarded)
        self._current = record
        return record

    def past(self, epoch_id: int) -> EpochRecord | None:
        """An epoch that was drawn; None if it was not, or is yet to come."""
        current = self._current
        return current if current is not None and current.epoch_id == epoch_id else self._state.epoch(epoch_id)

    def commitment(self, epoch_id: int) -> bytes:
        """The SHA-256 of an epoch's seed, which may be told before the epoch begins."""
        return hashlib.sha256(self._seed(epoch_id)).digest()

    def _seed(self, epoch_id: int) -> bytes:
        return self._state.seed(epoch_id) or self._state.choose_seed(epoch_id, self._random(SEED_LENGTH))

    def _draw(self, seed: bytes, epoch_id: int, candidates: Sequence[Candidate]) -> EpochRecord:
        rewarded = draw_rewarded_set(seed, epoch_id, candidates, nodes_per_layer=self._nodes_per_layer)
        return EpochRecord(epoch_id, seed, tuple(candidates), rewarded)

    def _is_complete(self, record: EpochRecord) -> bool:
        rewarded = record.rewarded
        mixing = sum(map(len, rewarded.layers)) + len(rewarded.standby)
        has_gateways = bool(rewarded.entry_gateways or rewarded.exit_gateways)
        return all(rewarded.layers) and has_gateways and mixing >= self._least_mix_nodes
