"""How long hops hold a packet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mix_protocol.crypto.randomness import RandomBytes, exponentials

_NS_PER_MS: Final = 1_000_000
_NS_PER_S: Final = 1_000_000_000

MAX_HOLD_NS: Final = 10 * _NS_PER_S
"""The longest that a node holds a packet, whatever its header asks for (Nym spec: mix-node behaviour)."""


def draw_delays_ns(random: RandomBytes, hops: int, mean_ms: float) -> tuple[int, ...]:
    """Draw one exponentially distributed delay for each hop, in whole nanoseconds; a mean of 0 gives zeros."""
    return tuple(map(round, exponentials(random, mean_ms * _NS_PER_MS, hops)))


def forward_delay_s(delays_ns: Sequence[int]) -> float:
    """Give the time in seconds that a packet will be held in all: the last hop's delay does not count."""
    return sum(delays_ns[:-1]) / _NS_PER_S


def hold_time_s(delay_ns: int) -> float:
    """Give the seconds for which a node holds a packet that asks for `delay_ns`."""
    return min(delay_ns, MAX_HOLD_NS) / _NS_PER_S
