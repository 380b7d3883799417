"""The header versions that the network speaks."""

from __future__ import annotations

import enum
from typing import Final


class SphinxVersion(enum.IntEnum):
    """How a hop's payload key comes from its shared secret; the number stands in every routing block.

    A format number, not a semantic version: a zero byte and 16 bits big-endian (Nym spec: header version numbers).
    """

    FULL_KEYS = 258
    """All 192 bytes are taken from the expanded secret: only what others still send, as older clients do for cover."""

    SEEDED = 259
    """A 16-byte seed is taken and expanded once more, which makes SURBs small: all that we send."""

    LAST_SEED = 260
    """As 259 at every node. Its SURBs hold the last hop's seed only, so that whoever uses one can't tell what the reply
    looks like on its way; only the maker can open it (see `surb`)."""


# Versions before 258 differ only in how the sender multiplied scalars, which a node cannot see.
_FULL_KEY_VERSIONS: Final = frozenset({1, 257, SphinxVersion.FULL_KEYS})


def has_full_payload_key(version: int) -> bool:
    """Tell if a block of this version uses the full payload key; unknown versions are taken to be seeded."""
    return version in _FULL_KEY_VERSIONS
