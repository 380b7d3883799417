"""Which of a node's two Sphinx keys a packet was made for."""

from __future__ import annotations

import enum

from mix_protocol.addressing.errors import UnknownKeyRotation

_NO_ROTATION = 0xFFFF_FFFF


class KeyRotation(enum.IntEnum):
    """The parity of the key rotation that a packet belongs to (Nym spec: key rotation byte).

    Nodes hold at most two Sphinx keys at a time, of consecutive rotations, so the parity names one of them.
    """

    UNKNOWN = 0
    ODD = 1
    EVEN = 2

    @classmethod
    def from_rotation_id(cls, rotation_id: int) -> KeyRotation:
        """Give the parity of a directory's rotation number; 0 and 2**32 - 1 mean that there is none."""
        if rotation_id in (0, _NO_ROTATION):
            return cls.UNKNOWN
        return cls.ODD if rotation_id % 2 else cls.EVEN

    @classmethod
    def from_byte(cls, value: int) -> KeyRotation:
        """Read the byte that stands in frames and requests; raises `UnknownKeyRotation`."""
        rotation = _BY_BYTE.get(value)
        if rotation is None:
            raise UnknownKeyRotation(value=value)
        return rotation


_BY_BYTE = {int(rotation): rotation for rotation in KeyRotation}
