"""Bytes that the application has handed over and the peer has not acknowledged."""

from __future__ import annotations


class SendBuffer:
    """Holds stream bytes by their sequence numbers, from `start` (snd_una) to `end`.

    A bytearray drops from its front without moving the rest, and each segment is cut out by one copy.
    """

    __slots__ = ("_bytes", "capacity", "end", "start")

    def __init__(self, start: int, capacity: int) -> None:
        self._bytes = bytearray()
        self.start = start
        self.end = start
        self.capacity = capacity

    def __len__(self) -> int:
        return self.end - self.start

    @property
    def free(self) -> int:
        """How many bytes still fit."""
        return max(0, self.capacity - (self.end - self.start))

    def append(self, data: bytes | bytearray | memoryview) -> int:
        """Take as much of `data` as fits; gives how much that was."""
        free = self.free
        if len(data) > free:
            data = memoryview(data)[:free]
        self._bytes += data
        self.end += len(data)
        return len(data)

    def slice(self, start: int, end: int) -> bytes:
        """The bytes [start, end), which must be held."""
        offset = self.start
        with memoryview(self._bytes) as view:
            return view[start - offset : end - offset].tobytes()

    def discard_below(self, sequence: int) -> None:
        """Forget what is acknowledged: everything below `sequence`."""
        count = min(sequence, self.end) - self.start
        if count > 0:
            del self._bytes[:count]
            self.start += count

    def clear(self) -> None:
        """Forget everything."""
        self._bytes.clear()
        self.start = self.end
