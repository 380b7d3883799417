"""Epochs and key rotations: which Sphinx key is in force at a moment. No clock of its own.

Nym spec: key rotation. The rotation id is the epoch divided by the number of epochs that a key serves; a key is known
one epoch before it comes into force and honoured for one epoch after.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mix_protocol.topology.documents import KeyRotationInfo

DEFAULT_EPOCH_S = 3600
MOST_EPOCHS_LATE = 3

# A fixed origin makes every node of a network, in whatever process, count the same epochs.
_GENESIS_UNIX_S = 1_577_836_800.0  # 2020-01-01T00:00:00Z


@dataclass
class RotationSchedule:
    """Counts epochs from `genesis_unix_s`. Wall-clock times are seconds since 1970."""

    epoch_duration_s: int = DEFAULT_EPOCH_S
    validity_epochs: int = 24
    genesis_unix_s: float = _GENESIS_UNIX_S
    initial_epoch: int = 0
    """The first epoch of rotation 0."""

    def epoch_at(self, wall_s: float) -> int:
        """The absolute epoch id at a moment."""
        # Rotation 0 means "no rotation" on the wire, so a clock that is set far too early gets rotation 1.
        counted = int((wall_s - self.genesis_unix_s) // self.epoch_duration_s)
        return max(self.initial_epoch + self.validity_epochs, counted)

    def epoch_start(self, epoch: int) -> float:
        """When an epoch begins."""
        return self.genesis_unix_s + epoch * self.epoch_duration_s

    def begin(self, epoch: int, wall_s: float) -> None:
        """Let an epoch begin in this second, ahead of its time; those after it follow."""
        # Whole seconds, which floating point holds exactly.
        self.genesis_unix_s = float(math.floor(wall_s) - epoch * self.epoch_duration_s)

    def rotate_soon(self, wall_s: float, within_s: int) -> bool:
        """Let this epoch be the last of its rotation and end within so many seconds, or its length if that is less.

        Nodes announce their next keys meanwhile, as always in such an epoch. False if it is about to end anyway.
        """
        epoch = self.epoch_at(wall_s)
        following = self.epochs_of(self.rotation_of(epoch))[-1] + 1
        begins_at = math.floor(wall_s) + min(within_s, self.epoch_duration_s)
        if epoch == following - 1 and self.epoch_start(following) <= begins_at:
            return False
        self.begin(following, begins_at)
        return True

    def follow(self, info: KeyRotationInfo) -> None:
        """Count as a directory does. ValueError for what this can't count: epochs of no whole seconds, no start."""
        started_at, duration_s = info.epoch_started_at, info.epoch_duration.seconds
        if started_at is None or duration_s != int(duration_s):
            raise ValueError("the epoch has no start, or a length that is no whole number of seconds")
        self.epoch_duration_s = int(duration_s)
        self.validity_epochs = info.key_rotation_state.validity_epochs
        self.initial_epoch = info.key_rotation_state.initial_epoch_id
        self.genesis_unix_s = started_at - info.current_absolute_epoch_id * self.epoch_duration_s

    def rotation_of(self, epoch: int) -> int:
        """The rotation id in force during an epoch."""
        return (epoch - self.initial_epoch) // self.validity_epochs

    def epochs_of(self, rotation_id: int) -> range:
        """The epochs of a rotation."""
        first = self.initial_epoch + rotation_id * self.validity_epochs
        return range(first, first + self.validity_epochs)

    def serves_until(self, epoch: int) -> float:
        """Until when an epoch's draw may serve where none of a later one can be made: a few epochs more, and never
        longer than nodes take packets for its keys."""
        last_with_its_keys = self.epochs_of(self.rotation_of(epoch))[-1] + 1
        return self.epoch_start(min(epoch + MOST_EPOCHS_LATE, last_with_its_keys) + 1)

    def accepted_rotations(self, epoch: int) -> tuple[int, ...]:
        """The rotations whose keys a node holds, the one in force first."""
        current = self.rotation_of(epoch)
        rotations = [current]
        if epoch == self.epochs_of(current)[0]:
            rotations.append(current - 1)
        if epoch == self.epochs_of(current)[-1]:
            rotations.append(current + 1)
        return tuple(rotations)
