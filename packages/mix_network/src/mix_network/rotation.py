"""Epochs and key rotations: which Sphinx key is in force at a moment. No clock of its own.

Nym spec: key rotation. The rotation id is the epoch divided by the number of epochs that a key serves; a key is known
one epoch before it comes into force and honoured for one epoch after.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

DEFAULT_EPOCH_S = 3600

# A fixed origin makes every node of a network, in whatever process, count the same epochs.
_GENESIS_UNIX_S = 1_577_836_800.0  # 2020-01-01T00:00:00Z


@dataclass
class RotationSchedule:
    """Counts epochs from `genesis_unix_s`. Wall-clock times are seconds since 1970."""

    epoch_duration_s: int = DEFAULT_EPOCH_S
    validity_epochs: int = 24
    genesis_unix_s: float = _GENESIS_UNIX_S

    def epoch_at(self, wall_s: float) -> int:
        """The absolute epoch id at a moment."""
        # Rotation 0 means "no rotation" on the wire, so a clock that is set far too early gets rotation 1.
        return max(self.validity_epochs, int((wall_s - self.genesis_unix_s) // self.epoch_duration_s))

    def epoch_start(self, epoch: int) -> float:
        """When an epoch begins."""
        return self.genesis_unix_s + epoch * self.epoch_duration_s

    def begin(self, epoch: int, wall_s: float) -> None:
        """Let an epoch begin in this second, ahead of its time; those after it follow."""
        # Whole seconds, which floating point holds exactly.
        self.genesis_unix_s = float(math.floor(wall_s) - epoch * self.epoch_duration_s)

    def rotation_of(self, epoch: int) -> int:
        """The rotation id in force during an epoch."""
        return epoch // self.validity_epochs

    def epochs_of(self, rotation_id: int) -> range:
        """The epochs of a rotation."""
        first = rotation_id * self.validity_epochs
        return range(first, first + self.validity_epochs)

    def accepted_rotations(self, epoch: int) -> tuple[int, ...]:
        """The rotations whose keys a node holds, the one in force first."""
        current = self.rotation_of(epoch)
        rotations = [current]
        if epoch == self.epochs_of(current)[0]:
            rotations.append(current - 1)
        if epoch == self.epochs_of(current)[-1]:
            rotations.append(current + 1)
        return tuple(rotations)
