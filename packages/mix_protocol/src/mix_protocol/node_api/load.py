"""How busy a node says that it is (Nym spec, load). It does not look at the machine: figures come in as arguments."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

LINK_BITS_PER_SECOND = 1e9
"""What counts as a full link."""
MIN_SWAP_BYTES = 1 << 30
"""With less swap than this its use says nothing."""


class Load(StrEnum):
    """Levels of load, lowest first."""

    UNKNOWN = "unknown"
    NEGLIGIBLE = "negligible"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    VERY_HIGH = "very_high"
    AT_CAPACITY = "at_capacity"

    @classmethod
    def of(cls, share: float) -> Load:
        """The level of a share of what there is, 0 to 1; nothing at all and no number are unknown."""
        if share == 0 or not math.isfinite(share):
            return cls.UNKNOWN
        return next((level for level, limit in _LIMITS if share <= limit), cls.AT_CAPACITY)

    @property
    def rank(self) -> int:
        """0 for unknown, up to 6."""
        return _LEVELS.index(self)

    def raised(self) -> Load:
        """One level more; unknown stays so."""
        return self if self is Load.UNKNOWN else _LEVELS[min(self.rank + 1, len(_LEVELS) - 1)]


_LEVELS = tuple(Load)
_LIMITS = (
    (Load.NEGLIGIBLE, 0.1),
    (Load.LOW, 0.3),
    (Load.MEDIUM, 0.6),
    (Load.HIGH, 0.8),
    (Load.VERY_HIGH, 0.95),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLoad:
    """`/api/v1/load`."""

    total: Load
    machine: Load
    network: Load

    @classmethod
    def assess(
        cls,
        *,
        cpu: float,
        memory: float,
        swap: float,
        swap_bytes: int,
        received_bits_per_second: float,
        sent_bits_per_second: float,
    ) -> NodeLoad:
        """Put the figures together.

        cpu -- load average of five minutes by the number of processors
        memory, swap -- shares in use, 0 to 1; `swap_bytes` is how much swap there is
        """
        machine = Load.of(cpu)
        if Load.of(memory).rank > machine.rank:
            machine = machine.raised()
        if swap_bytes > MIN_SWAP_BYTES and Load.of(swap).rank > machine.rank:
            machine = machine.raised()
        network = Load.of(max(received_bits_per_second, sent_bits_per_second) / LINK_BITS_PER_SECOND)
        total = machine if machine.rank > network.rank else machine.raised()
        return cls(total=total, machine=machine, network=network)
