"""Reads big-endian fields from a message of known length."""

from __future__ import annotations

from mix_protocol.errors import PeerMisbehaved


class MalformedMessage(PeerMisbehaved):
    """Bytes or text that are not a valid encoding of what they should be."""

    code = "codec.malformed"
    message = "a message is malformed"

    def __init__(self, what: str = "message", why: str = "it is not a valid encoding") -> None:
        super().__init__(f"malformed {what}: {why}", what=what, why=why)


class Cursor:
    """A place in bytes that a peer sent; every step past their end raises MalformedMessage.

    what -- the name of the message, for the error
    """

    __slots__ = ("_at", "_data", "_what")

    def __init__(self, data: bytes | memoryview, what: str) -> None:
        self._data = memoryview(data)
        self._at = 0
        self._what = what

    @property
    def remaining(self) -> int:
        """How many bytes are left."""
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        end = self._at + count
        if count < 0 or end > len(self._data):
            raise MalformedMessage(self._what, f"it ends {end - len(self._data)} bytes too early")
        piece = bytes(self._data[self._at : end])
        self._at = end
        return piece

    def u8(self) -> int:
        return self.take(1)[0]

    def end(self) -> None:
        """Insist that nothing is left."""
        if self.remaining:
            raise MalformedMessage(self._what, f"{self.remaining} bytes follow its end")


class Reader(Cursor):
    """Reads integers of fixed length, big-endian."""

    __slots__ = ()

    def rest(self) -> bytes:
        """Everything that is left."""
        return self.take(self.remaining)

    def u16(self) -> int:
        return self._integer(2)

    def u32(self) -> int:
        return self._integer(4)

    def u64(self) -> int:
        return self._integer(8)

    def _integer(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")
