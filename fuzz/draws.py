"""What a target does with its input, drawn from the input's own bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


class Draws:
    """Reads values off an input; at its end every number is 0 and every chunk empty."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        """Whether anything is left."""
        return self._at < len(self._data)

    def number(self, length: int = 1) -> int:
        """A number of so many bytes, little-endian."""
        return int.from_bytes(self._take(length), "little")

    def choice(self, options: Sequence[T]) -> T:
        """One of up to 256 things."""
        return options[self.number() % len(options)]

    def chunk(self) -> bytes:
        """Some bytes, as many as the two before them say."""
        return self._take(self.number(2))

    def rest(self) -> bytes:
        """All that is left."""
        return self._take(len(self._data) - self._at)

    def pieces(self) -> Iterator[bytes]:
        """The rest, in the pieces in which a stream might bring it."""
        size = (1, 2, 7, 64, 1000, 4096, 1 << 16, 1 << 20)[self.number() % 8]
        data = self.rest()
        for start in range(0, len(data), size):
            yield data[start : start + size]

    def _take(self, length: int) -> bytes:
        taken = self._data[self._at : self._at + length]
        self._at += len(taken)
        return taken


def as_chunk(data: bytes) -> bytes:
    """What `Draws.chunk` reads as these bytes; for seeds."""
    return len(data).to_bytes(2, "little") + data
