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
    is_shared -- whether other directories have a say: then an epoch is drawn when they have agreed (`adopt`)
    may_serve -- says whether the draw of an earlier epoch (first argument) may still serve in a later one
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
        is_shared: bool = False,
        may_serve: Callable[[int, int], bool] = lambda earlier, later: False,
    ) -> None:
        self._state = state
        self._random = random
        self._pools = (candidates, everybody)
        self.nodes_per_layer = nodes_per_layer
        self._least_mix_nodes = least_mix_nodes
        self._is_shared = is_shared
        self._may_serve = may_serve
        self._current: EpochRecord | None = None

    def published(self, epoch_id: int) -> int:
        """The epoch that is published while this one goes on: itself, or while it can't be drawn the last one that
        could, for as long as that may serve."""
        if self.drawn(epoch_id) is not None:
            return epoch_id
        last = self._state.last_epoch(epoch_id)
        return last if last is not None and self._may_serve(last, epoch_id) else epoch_id

    def assign(self, epoch_id: int) -> RewardedSet:
        """Who does what in this epoch."""
        return self.record(epoch_id).rewarded

    def record(self, epoch_id: int) -> EpochRecord:
        """The epoch that has begun. Until there are enough nodes for it, it is drawn again each time; while other
        directories have not agreed, nobody has a job in it."""
        record = self.drawn(epoch_id)
        if record is not None:
            return record
        return self._draw(self._seed(epoch_id), epoch_id, [] if self._is_shared else self._pools[-1]())

    def drawn(self, epoch_id: int) -> EpochRecord | None:
        """The epoch as it was drawn for good, now if nobody else has a say; None if that can't be."""
        if self._current is not None and self._current.epoch_id == epoch_id:
            return self._current
        record = self._state.epoch(epoch_id)
        if record is None:
            record = None if self._is_shared else self.propose(epoch_id)
            if record is None:
                return None
            self._state.keep_epoch(record)
        self._current = record
        return record

    def propose(self, epoch_id: int) -> EpochRecord | None:
        """A draw of this directory's own that is not for good yet; None if there are too few nodes."""
        seed = self._seed(epoch_id)
        self._seed(epoch_id + 1)
        drawn = (self._draw(seed, epoch_id, pool()) for pool in self._pools)
        return next(filter(self.is_complete, drawn), None)

    def redraw(self, seed: bytes, epoch_id: int, candidates: Sequence[Candidate]) -> EpochRecord:
        """The draw that comes of a seed and of these nodes."""
        return self._draw(seed, epoch_id, candidates)

    def adopt(self, record: EpochRecord) -> None:
        """Directories have agreed on this draw."""
        self._state.keep_epoch(record)
        self._current = record

    def past(self, epoch_id: int) -> EpochRecord | None:
        """An epoch that was drawn; None if it was not, or is yet to come."""
        current = self._current
        return current if current is not None and current.epoch_id == epoch_id else self._state.epoch(epoch_id)

    def commitment(self, epoch_id: int) -> bytes:
        """The SHA-256 of an epoch's seed, which may be told before the epoch begins."""
        return hashlib.sha256(self._seed(epoch_id)).digest()

    def lacks(self) -> str:
        """What an epoch needs before it is drawn, for a person."""
        mixes = sum(candidate.mixes for candidate in self._pools[-1]())
        gateways = sum(candidate.is_gateway for candidate in self._pools[-1]())
        return (
            f"{mixes} mix nodes and {gateways} gateways answer; an epoch needs {self._least_mix_nodes} that mix and a "
            "gateway beside them"
        )

    def is_complete(self, record: EpochRecord) -> bool:
        """Whether an epoch can be drawn for good like this."""
        rewarded = record.rewarded
        mixing = sum(map(len, rewarded.layers)) + len(rewarded.standby)
        has_gateways = bool(rewarded.entry_gateways or rewarded.exit_gateways)
        return all(rewarded.layers) and has_gateways and mixing >= self._least_mix_nodes

    def _seed(self, epoch_id: int) -> bytes:
        return self._state.seed(epoch_id) or self._state.choose_seed(epoch_id, self._random(SEED_LENGTH))

    def _draw(self, seed: bytes, epoch_id: int, candidates: Sequence[Candidate]) -> EpochRecord:
        rewarded = draw_rewarded_set(seed, epoch_id, candidates, nodes_per_layer=self.nodes_per_layer)
        return EpochRecord(epoch_id, seed, tuple(candidates), rewarded)
