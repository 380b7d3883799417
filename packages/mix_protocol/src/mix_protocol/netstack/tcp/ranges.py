"""A set of integers kept as disjoint ranges: which bytes are there, and so where the holes are."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator


class RangeSet:
    """Half-open ranges [start, end), sorted, never touching. Each operation costs a search and what it removes."""

    __slots__ = ("_ends", "_starts")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._starts, self._ends, strict=True)

    def add(self, start: int, end: int) -> list[tuple[int, int]]:
        """Put [start, end) in; gives the parts of it that were not in before, ascending."""
        if start >= end:
            return []
        starts, ends = self._starts, self._ends
        # Those ranges that overlap or touch [start, end): from `first` up to but excluding `last`.
        first = bisect_left(ends, start)
        last = bisect_right(starts, end)
        if first == last:
            starts.insert(first, start)
            ends.insert(first, end)
            return [(start, end)]
        fresh = []
        at = start
        for index in range(first, last):
            if at < starts[index]:
                fresh.append((at, starts[index]))
            at = max(at, ends[index])
        if at < end:
            fresh.append((at, end))
        starts[first:last] = [min(start, starts[first])]
        ends[first:last] = [max(end, ends[last - 1])]
        return fresh

    def discard_below(self, limit: int) -> None:
        """Remove every integer below `limit`."""
        gone = bisect_right(self._ends, limit)
        del self._starts[:gone]
        del self._ends[:gone]
        if self._starts and self._starts[0] < limit:
            self._starts[0] = limit

    def range_at(self, value: int) -> tuple[int, int] | None:
        """The range that holds `value`."""
        index = bisect_right(self._starts, value) - 1
        if index >= 0 and value < self._ends[index]:
            return self._starts[index], self._ends[index]
        return None

    def covers(self, start: int, end: int) -> bool:
        """Whether all of [start, end) is in."""
        found = self.range_at(start)
        return found is not None and end <= found[1]

    def first(self) -> tuple[int, int] | None:
        """The lowest range."""
        return (self._starts[0], self._ends[0]) if self._starts else None

    def highest(self) -> int | None:
        """The end of the highest range."""
        return self._ends[-1] if self._ends else None

    def clear(self) -> None:
        """Remove everything."""
        self._starts.clear()
        self._ends.clear()
