"""Who has most of something that many want: when it runs out, the greediest gives first."""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from itertools import count
from typing import Generic, TypeVar

Holder = TypeVar("Holder", bound=Hashable)
_SLACK = 64


class Shares(Generic[Holder]):
    """How much each holder has. A change and the question for the greediest take logarithmic time, so that a crowd of
    holders makes neither of them dear."""

    def __init__(self) -> None:
        self._amounts: dict[Holder, int] = {}
        # The greediest first, and of equals the one that has had as much for longest. Entries are not taken out when
        # they become wrong: an amount that is no longer the holder's is skipped.
        self._heap: list[tuple[int, int, Holder]] = []
        self._order = count()

    def __len__(self) -> int:
        return len(self._amounts)

    def of(self, holder: Holder) -> int:
        """How much this holder has; 0 for strangers."""
        return self._amounts.get(holder, 0)

    def change(self, holder: Holder, by: int) -> None:
        """Give to a holder, or take from it."""
        amount = self.of(holder) + by
        assert amount >= 0, "nobody gives what it does not have"
        if amount == 0:
            self._amounts.pop(holder, None)
            return
        self._amounts[holder] = amount
        heapq.heappush(self._heap, (-amount, next(self._order), holder))
        if len(self._heap) > 2 * len(self._amounts) + _SLACK:
            self._heap = [entry for entry in self._heap if self._holds(entry)]
            heapq.heapify(self._heap)

    def greediest(self) -> Holder | None:
        """Who has most; None when nobody has anything."""
        while self._heap and not self._holds(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][2] if self._heap else None

    def _holds(self, entry: tuple[int, int, Holder]) -> bool:
        return self._amounts.get(entry[2]) == -entry[0]
