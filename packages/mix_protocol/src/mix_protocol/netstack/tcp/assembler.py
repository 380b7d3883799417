"""Puts segments that arrive in any order back into a stream."""

from __future__ import annotations

from mix_protocol.netstack.tcp.ranges import RangeSet


class Assembler:
    """The receive buffer: bytes in order, wait to be read; behind them any number of holes and islands.

    Every byte lies at its place in one buffer from the start, so a hole that closes moves nothing. The buffer never
    reaches further than the window that the caller checks segments against, which bounds the memory.

    next -- the first sequence number that is missing (rcv_nxt)
    """

    __slots__ = ("_buffer", "_islands", "next", "start")

    def __init__(self, start: int) -> None:
        self._buffer = bytearray()
        self._islands = RangeSet()
        self.start = start  # the sequence number of the first unread byte
        self.next = start

    @property
    def readable(self) -> int:
        """How many bytes can be read now."""
        return self.next - self.start

    @property
    def islands(self) -> RangeSet:
        """What lies beyond the first hole."""
        return self._islands

    def insert(self, sequence: int, payload: bytes | memoryview) -> bool:
        """Take in a segment's payload; gives whether any byte of it was new. Of bytes sent twice the first count."""
        end = sequence + len(payload)
        if end <= self.next:
            return False
        if sequence < self.next:
            payload = payload[self.next - sequence :]
            sequence = self.next
        if sequence == self.next and not self._islands:
            self._buffer += payload
            self.next = end
            return True
        fresh = self._islands.add(sequence, end)
        if not fresh:
            return False
        self._write(sequence, payload, fresh)
        first = self._islands.first()
        if first is not None and first[0] <= self.next:
            self.next = first[1]
            self._islands.discard_below(self.next)
        return True

    def _write(self, sequence: int, payload: bytes | memoryview, parts: list[tuple[int, int]]) -> None:
        buffer = self._buffer
        missing = parts[-1][1] - self.start - len(buffer)
        if missing > 0:
            buffer.extend(bytes(missing))
        view = memoryview(payload)
        for start, end in parts:
            buffer[start - self.start : end - self.start] = view[start - sequence : end - sequence]

    def read(self, count: int) -> bytes:
        """Up to `count` bytes in order; they leave the buffer."""
        count = min(count, self.readable)
        if count <= 0:
            return b""
        with memoryview(self._buffer) as view:
            data = view[:count].tobytes()
        del self._buffer[:count]
        self.start += count
        return data

    def clear(self) -> None:
        """Forget what is buffered, and what is missing."""
        self._buffer.clear()
        self._islands.clear()
        self.start = self.next
