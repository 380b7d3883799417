"""Remembers which packets a node has seen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

DEFAULT_CAPACITY: Final = 1 << 20


class ReplayFilter:
    """An exact set of replay tags for one node key, in bounded memory.

    Tags of another key never collide with these, so a node holds one filter for each of its key rotations and drops it
    with the key. Two generations bound the memory: when the younger one is full the older one is forgotten, so at
    least the last `capacity // 2` tags are always remembered. A tag takes about 100 bytes.
    """

    __slots__ = ("_generation_capacity", "_older", "_younger")

    def __init__(self, capacity: int = DEFAULT_CAPACITY) -> None:
        if capacity < 2:
            raise ValueError("a replay filter must remember at least two tags")
        self._generation_capacity = capacity // 2
        self._younger: set[bytes] = set()
        self._older: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._younger) + len(self._older)

    def check_and_set(self, tag: bytes) -> bool:
        """Remember a tag; True if it is new, False if the packet is a replay."""
        if tag in self._younger or tag in self._older:
            return False
        if len(self._younger) >= self._generation_capacity:
            self._older, self._younger = self._younger, set()
        self._younger.add(tag)
        return True

    def check_and_set_all(self, tags: Iterable[bytes]) -> list[bool]:
        """What `check_and_set` says of each, one after the other."""
        check_and_set = self.check_and_set
        return [check_and_set(tag) for tag in tags]
