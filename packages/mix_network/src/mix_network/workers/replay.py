"""Which packets a node has seen, whichever of its workers saw them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from mix_network.workers.shared_table import SharedTable

SEEN_CAPACITY: Final = 1 << 19
"""Tags remembered for a node. The table takes 35 MB when it is full: what two keys' sets of half as many take."""


class SharedReplayFilter:
    """An exact set of replay tags that all workers of a node share, with the methods of `ReplayFilter`.

    It serves all of the node's keys, for tags of different keys never collide.
    """

    def __init__(self, table: SharedTable) -> None:
        self._table = table

    def __len__(self) -> int:
        with self._table:
            return len(self._table)

    def check_and_set(self, tag: bytes) -> bool:
        """Remember a tag; True if it is new, False if the packet is a replay."""
        with self._table:
            return self._table.add(tag)

    def check_and_set_all(self, tags: Iterable[bytes]) -> list[bool]:
        """What `check_and_set` says of each, one after the other; other workers are kept out once for all of them."""
        with self._table:
            return [self._table.add(tag) for tag in tags]

    def of(self, rotation_id: int) -> SharedReplayFilter:
        """The filter of a rotation's key: this one."""
        return self

    def hold(self, rotation_ids: Collection[int]) -> None:
        """Tags of keys that are gone make room as all old ones do."""
