"""When which connection wants to be woken: a heap whose entries are corrected late."""

from __future__ import annotations

import heapq
from typing import Generic, TypeVar

T = TypeVar("T")

_SPARE_ENTRIES = 64


class Deadlines(Generic[T]):
    """The earliest deadline of each of many owners.

    A deadline that moves back keeps its entry: it wakes its owner too early, which costs less than to move it each
    time, since with every acknowledgment a retransmission timer moves back.
    """

    __slots__ = ("_armed", "_counter", "_heap")

    def __init__(self) -> None:
        self._armed: dict[T, float] = {}
        # An entry is live while it is what its owner is armed for.
        self._heap: list[tuple[float, int, T]] = []
        self._counter = 0

    def schedule(self, owner: T, deadline: float | None) -> None:
        """Wake `owner` at `deadline` at the latest; None for not at all."""
        if deadline is None:
            self._armed.pop(owner, None)
            return
        armed = self._armed.get(owner)
        if armed is not None and armed <= deadline:
            return
        self._armed[owner] = deadline
        self._counter += 1
        heapq.heappush(self._heap, (deadline, self._counter, owner))
        if len(self._heap) > _SPARE_ENTRIES + 4 * len(self._armed):
            self._heap = [entry for entry in self._heap if self._armed.get(entry[2]) == entry[0]]
            heapq.heapify(self._heap)

    def forget(self, owner: T) -> None:
        """Never wake `owner` again."""
        self._armed.pop(owner, None)

    def earliest(self) -> float | None:
        """The next deadline."""
        while self._heap and self._armed.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take_due(self, now: float) -> T | None:
        """An owner whose deadline has come; it has none any more."""
        earliest = self.earliest()
        if earliest is None or earliest > now:
            return None
        owner = heapq.heappop(self._heap)[2]
        del self._armed[owner]
        return owner
