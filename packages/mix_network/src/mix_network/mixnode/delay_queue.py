"""Holds packets until their senders' delays are over. No clock of its own."""

from __future__ import annotations

import heapq
from itertools import count
from typing import Generic, TypeVar

from mix_protocol.errors import UsageError

Item = TypeVar("Item")


_GIVEN_UP_AT_ONCE = 16
"""When there is no room, one in so many items makes some, so that looking for them is not done for each newcomer."""


class DelayQueue(Generic[Item]):
    """Items with release times, at most `capacity` of them and `capacity_bytes` together.

    Who asks for long delays takes most of the room, so when there is none the items that would stay longest go: a flood
    of packets with long delays costs those with ordinary ones nothing.

    Times are monotonic seconds. Items with the same release time leave in the order in which they came.
    """

    def __init__(self, capacity: int, capacity_bytes: int) -> None:
        if capacity < 1 or capacity_bytes < 1:
            raise UsageError("a delay queue needs room for at least one packet")
        self._capacity = capacity
        self._capacity_bytes = capacity_bytes
        self._held_bytes = 0
        self._heap: list[tuple[float, int, Item, int]] = []
        self._order = count()
        self._latest = 0.0
        """No item is released later."""

    def __len__(self) -> int:
        return len(self._heap)

    def push(self, item: Item, release_at: float, size_bytes: int) -> int:
        """Keep `item` until `release_at`; gives how many items are dropped for it, or 1 when it is dropped itself."""
        dropped = 0
        if not self._has_room(size_bytes):
            if release_at >= self._latest or size_bytes > self._capacity_bytes:
                return 1
            dropped = self._make_room(size_bytes)
        self._latest = max(self._latest, release_at) if self._heap else release_at
        heapq.heappush(self._heap, (release_at, next(self._order), item, size_bytes))
        self._held_bytes += size_bytes
        return dropped

    def _has_room(self, size_bytes: int) -> bool:
        return len(self._heap) < self._capacity and self._held_bytes + size_bytes <= self._capacity_bytes

    def _make_room(self, size_bytes: int) -> int:
        """Drop what would stay longest; gives how many items that is."""
        before = len(self._heap)
        self._heap.sort()  # a sorted list is a heap, too
        while self._heap and (before - len(self._heap) < before // _GIVEN_UP_AT_ONCE or not self._has_room(size_bytes)):
            self._held_bytes -= self._heap.pop()[3]
        self._latest = self._heap[-1][0] if self._heap else 0.0
        return before - len(self._heap)

    def release(self, now: float) -> list[Item]:
        """Remove and return every item whose time has come, earliest first."""
        released: list[Item] = []
        while self._heap and self._heap[0][0] <= now:
            _, _, item, size_bytes = heapq.heappop(self._heap)
            self._held_bytes -= size_bytes
            released.append(item)
        return released

    def clear(self) -> None:
        """Forget every item."""
        self._heap.clear()
        self._held_bytes = 0

    def next_timeout(self) -> float | None:
        """When the next item is to be released; None when the queue is empty."""
        return self._heap[0][0] if self._heap else None
