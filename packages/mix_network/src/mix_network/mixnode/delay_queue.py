"""Holds packets until their senders' delays are over. No clock of its own."""

from __future__ import annotations

import heapq
from itertools import count
from typing import Generic, TypeVar

from mix_protocol.errors import UsageError

Item = TypeVar("Item")


class DelayQueue(Generic[Item]):
    """Items with release times, at most `capacity` of them and `capacity_bytes` together.

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

    def __len__(self) -> int:
        return len(self._heap)

    def push(self, item: Item, release_at: float, size_bytes: int) -> bool:
        """Keep `item` until `release_at`; False when the queue is full and the item was not taken."""
        if len(self._heap) >= self._capacity or self._held_bytes + size_bytes > self._capacity_bytes:
            return False
        heapq.heappush(self._heap, (release_at, next(self._order), item, size_bytes))
        self._held_bytes += size_bytes
        return True

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
