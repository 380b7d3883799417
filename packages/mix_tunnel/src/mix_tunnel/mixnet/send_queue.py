"""What waits to be sent, in lanes, so that a busy conversation does not hold the others up.

Nym spec: traffic shaping, main stream.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from mix_protocol.crypto.randomness import RandomBytes, choose, uniform_below

T = TypeVar("T")

SMALL_LANE_ITEMS = 100
"""Lanes with fewer items than this go first."""
FAVOURED_LANES = 4
"""Among large lanes, those that have sent most are favoured, so that they come to an end."""
IDLE_LANE_S = 600.0


@dataclass(slots=True)
class _Lane(Generic[T]):
    items: deque[T] = field(default_factory=deque)
    sent: int = 0
    touched_at: float = 0.0


class SendQueue(Generic[T]):
    """Lanes of items; `pop` chooses a lane at random and takes its oldest item."""

    def __init__(self, random: RandomBytes) -> None:
        self._random = random
        self._lanes: dict[Hashable, _Lane[T]] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def lane_length(self, lane: Hashable) -> int:
        """Give the number of items in one lane."""
        held = self._lanes.get(lane)
        return len(held.items) if held else 0

    def push(self, lane: Hashable, item: T, now: float) -> None:
        """Append an item to a lane, which begins to exist by it."""
        held = self._lanes.setdefault(lane, _Lane())
        held.items.append(item)
        held.touched_at = now
        self._length += 1

    def pop(self, now: float) -> T | None:
        """Take the next item; None when nothing waits."""
        if not self._length:
            return None
        lane = self._choose_lane()
        lane.sent += 1
        lane.touched_at = now
        self._length -= 1
        return lane.items.popleft()

    def discard(self, unwanted: Callable[[T], bool]) -> None:
        """Drop all items for which `unwanted` says so."""
        for lane in self._lanes.values():
            lane.items = deque(item for item in lane.items if not unwanted(item))
        self._length = sum(len(lane.items) for lane in self._lanes.values())

    def drop_idle_lanes(self, now: float) -> None:
        """Forget lanes that are empty and have not been used for ten minutes."""
        for name in [n for n, lane in self._lanes.items() if not lane.items and now - lane.touched_at >= IDLE_LANE_S]:
            del self._lanes[name]

    def _choose_lane(self) -> _Lane[T]:
        busy = [lane for lane in self._lanes.values() if lane.items]
        if len(busy) == 1:
            return busy[0]
        small = [lane for lane in busy if len(lane.items) < SMALL_LANE_ITEMS]
        if small:
            return choose(self._random, small)
        if uniform_below(self._random, 3) < 2:
            return choose(self._random, sorted(busy, key=lambda lane: lane.sent, reverse=True)[:FAVOURED_LANES])
        return choose(self._random, busy)
