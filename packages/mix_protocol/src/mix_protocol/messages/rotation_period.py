"""The key rotation in force, on a monotonic clock."""

from __future__ import annotations

from dataclasses import dataclass

from mix_protocol.addressing.key_rotation import KeyRotation


@dataclass(frozen=True, slots=True)
class RotationPeriod:
    """When the nodes' present Sphinx keys came into force, and for how long they hold.

    started_at -- monotonic seconds, possibly before the program's own start
    epoch_s -- the length of an epoch
    validity_epochs -- the length of a rotation
    """

    rotation_id: int
    started_at: float
    epoch_s: float
    validity_epochs: int

    @property
    def key_rotation(self) -> KeyRotation:
        """The parity that packets and SURBs made in this rotation carry."""
        return KeyRotation.from_rotation_id(self.rotation_id)

    @property
    def announced_at(self) -> float:
        """From when SURBs could already have been made for it: nodes announce a key one epoch ahead."""
        return self.started_at - self.epoch_s

    @property
    def overlap_ends_at(self) -> float:
        """Until when nodes also accept the previous rotation's keys."""
        return self.started_at + self.epoch_s

    @property
    def key_lifetime_s(self) -> float:
        """For how long a SURB can be good at all: its key's rotation and the overlap."""
        return (self.validity_epochs + 1) * self.epoch_s
