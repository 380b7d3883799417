"""A table in memory that several processes share: rows of one size, found by keys of 32 bytes. No clock, no socket.

What must be exact across workers stands in such a table: which packets were seen, and which clients there are. Others
could be asked instead, or each could own a part; but an answer would take a message there and back, and what an owner
knows would die with it, so that after a worker's crash packets of before would pass once more. This memory outlives
every worker.

Two generations bound it: when the younger one is full, the older one is forgotten, so at least the newest
`capacity // 2` rows are always there. Each is a hash table with open addressing, at most half full. The place of a row
depends on a secret, for strangers choose the keys.

Only one process at a time looks or writes (`with table:`). The lock is the kernel's, on the memory's file, and who dies
gives it back. It may have died amid a row: such a row is found by nobody and costs a place, no more, for the
packet that it was for has died with the process.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from collections.abc import Iterator
from hashlib import blake2b
from types import TracebackType
from typing import Final

from mix_network.errors import WorkersUnsupported
from mix_protocol.crypto.randomness import RandomBytes

KEY_LENGTH: Final = 32

_SECRET_LENGTH: Final = 16
_HEADER: Final = struct.Struct(f"<III{_SECRET_LENGTH}s")
"""Which generation is the younger one, how many rows of it are taken, how many of the older one count; the secret."""
_COUNTS: Final = struct.Struct("<III")
_HEADER_LENGTH: Final = 64
_FREE, _TAKEN, _MOVED = 0, 1, 2
_TAKEN_BYTE: Final = bytes((_TAKEN,))
"""What a row's first byte says; one that was moved is in the younger generation now."""


class SharedTable:
    """One process's view of a table; `descriptor` is what others need to have theirs.

    capacity, value_length -- must be the same for all of them
    """

    def __init__(self, descriptor: int, capacity: int, value_length: int) -> None:
        self.descriptor = descriptor
        self._most = max(1, capacity // 2)
        self._places = _places(self._most)
        self._row_length = 1 + KEY_LENGTH + value_length
        self._generation_length = self._places * self._row_length
        self._depth = 0
        self.memory = mmap.mmap(descriptor, _HEADER_LENGTH + 2 * self._generation_length)
        self._younger, self._taken, self._older_count, self._secret = _HEADER.unpack_from(self.memory)

    @classmethod
    def create(cls, random: RandomBytes, capacity: int, value_length: int) -> SharedTable:
        """Make an empty table; memory is taken only as it fills. Raises `WorkersUnsupported`."""
        if not hasattr(os, "memfd_create"):
            raise WorkersUnsupported()
        descriptor = os.memfd_create("mix-network", os.MFD_CLOEXEC)
        row_length = 1 + KEY_LENGTH + value_length
        os.ftruncate(descriptor, _HEADER_LENGTH + 2 * _places(max(1, capacity // 2)) * row_length)
        os.pwrite(descriptor, _HEADER.pack(0, 0, 0, random(_SECRET_LENGTH)), 0)
        return cls(descriptor, capacity, value_length)

    def close(self) -> None:
        """Give up this process's view."""
        self.memory.close()
        os.close(self.descriptor)

    def __enter__(self) -> None:
        """Keep other processes out; may be entered again inside."""
        if self._depth == 0:
            fcntl.lockf(self.descriptor, fcntl.LOCK_EX)
            self._younger, self._taken, self._older_count = _COUNTS.unpack_from(self.memory)
        self._depth += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._depth -= 1
        if self._depth == 0:
            fcntl.lockf(self.descriptor, fcntl.LOCK_UN)

    @property
    def is_entered(self) -> bool:
        """Whether other processes are kept out now."""
        return self._depth > 0

    def __len__(self) -> int:
        """How many rows there are; to be asked inside, like all below."""
        return int(self._taken + self._older_count)

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""
        place = self._place_of(key)
        start = self._find(key, place, self._younger)
        if start is None:
            start = self._find_older(key, place)
        return None if start is None else self.memory[start + 1 + KEY_LENGTH : start + self._row_length]

    def place_of_value(self, key: bytes, guess: int) -> int:
        """Where in `memory` the value of a key begins, if its row is one of the newest; else 0.

        guess -- what this gave before; rows stay where they are until they are forgotten
        """
        start = guess - 1 - KEY_LENGTH
        first = _HEADER_LENGTH + self._younger * self._generation_length
        memory = self.memory
        if first <= start < first + self._generation_length and memory[start : start + 1 + KEY_LENGTH] == (
            _TAKEN_BYTE + key
        ):
            return guess
        found = self._find(key, self._place_of(key), self._younger)
        return 0 if found is None else found + 1 + KEY_LENGTH

    def put(self, key: bytes, value: bytes) -> None:
        """Write a key's value; the row is one of the newest then."""
        place = self._place_of(key)
        start = self._find(key, place, self._younger)
        if start is not None:
            self.memory[start + 1 + KEY_LENGTH : start + self._row_length] = value
            return
        self._make_room()
        older = self._find_older(key, place)
        if older is not None:
            self.memory[older] = _MOVED
            self._older_count -= 1
        self._write(place, key + value)

    def add(self, key: bytes) -> bool:
        """Note a key without a value; False if it was there."""
        place = self._place_of(key)
        if self._find(key, place, self._younger) is not None or self._find_older(key, place) is not None:
            return False
        self._make_room()
        self._write(place, key)
        return True

    def keys(self) -> Iterator[bytes]:
        """Every key, in no order."""
        for generation in (1 - self._younger, self._younger):
            first = _HEADER_LENGTH + generation * self._generation_length
            for start in range(first, first + self._generation_length, self._row_length):
                if self.memory[start] == _TAKEN:
                    yield self.memory[start + 1 : start + 1 + KEY_LENGTH]

    def clear(self) -> None:
        """Forget everything."""
        self._forget_older()
        self._forget_older()

    def _place_of(self, key: bytes) -> int:
        """The number of the place at which the search for a key begins."""
        return int.from_bytes(blake2b(key, digest_size=8, key=self._secret).digest(), "little") % self._places

    def _find(self, key: bytes, place: int, generation: int) -> int | None:
        """Where the key's row begins in a generation."""
        memory, length = self.memory, self._row_length
        begin = _HEADER_LENGTH + generation * self._generation_length
        start, end = begin + place * length, begin + self._generation_length
        while (state := memory[start]) != _FREE:
            if state == _TAKEN and memory[start + 1 : start + 1 + KEY_LENGTH] == key:
                return start
            start += length
            if start == end:
                start = begin
        return None

    def _find_older(self, key: bytes, place: int) -> int | None:
        """As `_find`; memory of which nothing was used yet is not looked at, for that alone would take some."""
        return self._find(key, place, 1 - self._younger) if self._older_count else None

    def _write(self, place: int, content: bytes) -> None:
        """Take the first free place of the younger generation from this one on."""
        memory, length = self.memory, self._row_length
        begin = _HEADER_LENGTH + self._younger * self._generation_length
        start, end = begin + place * length, begin + self._generation_length
        while memory[start] != _FREE:
            start += length
            if start == end:
                start = begin
        # Counted before it is written: who dies in between leaves a place empty, and never one too few.
        self._taken += 1
        self._write_counts()
        memory[start : start + 1 + len(content)] = _TAKEN_BYTE + content

    def _make_room(self) -> None:
        if self._taken >= self._most:
            self._forget_older()

    def _forget_older(self) -> None:
        """The younger generation becomes the older one. Nobody sees that it has until the new one is empty."""
        begin = _HEADER_LENGTH + (1 - self._younger) * self._generation_length
        self.memory[begin : begin + self._generation_length] = bytes(self._generation_length)
        self._younger, self._older_count, self._taken = 1 - self._younger, self._taken, 0
        self._write_counts()

    def _write_counts(self) -> None:
        _COUNTS.pack_into(self.memory, 0, self._younger, self._taken, self._older_count)


def _places(most: int) -> int:
    """Twice as many as are ever taken."""
    return 2 * most
