"""bincode 1.3 with variable-length integers, in either byte order.

An unsigned integer below 251 is one byte; otherwise a marker (251, 252, 253) and 2, 4 or 8 bytes, always the shortest
that fits. Signed integers are zigzagged first. An option is a byte 0, or 1 and the value; an enum is its variant's
number and its fields; byte strings and text carry their length. (Nym spec: bincode dialect.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeVar

from mix_protocol.codec.reader import Cursor, MalformedMessage

ByteOrder = Literal["big", "little"]
T = TypeVar("T")

_SIZE_OF_MARKER = {251: 2, 252: 4, 253: 8}
_LIMITS = ((1 << 16, 251, 2), (1 << 32, 252, 4), (1 << 64, 253, 8))


class BincodeReader(Cursor):
    """Reads the fields of one message; anything that is not valid raises MalformedMessage."""

    __slots__ = ("_byteorder",)

    def __init__(self, data: bytes | memoryview, what: str, byteorder: ByteOrder = "big") -> None:
        super().__init__(data, what)
        self._byteorder: ByteOrder = byteorder

    def boolean(self) -> bool:
        value = self.u8()
        if value > 1:
            raise MalformedMessage(self._what, f"{value} is no boolean")
        return value == 1

    def uint(self, limit: int = (1 << 64) - 1) -> int:
        """An unsigned integer of at most `limit`."""
        first = self.u8()
        if first > 250:
            size = _SIZE_OF_MARKER.get(first)
            if size is None:
                raise MalformedMessage(self._what, f"{first} starts no integer of 64 bits")
            first = int.from_bytes(self.take(size), self._byteorder)
        if first > limit:
            raise MalformedMessage(self._what, f"an integer is larger than {limit}")
        return first

    def sint(self) -> int:
        """A signed integer."""
        value = self.uint()
        return (value >> 1) ^ -(value & 1)

    def option(self, read: Callable[[], T]) -> T | None:
        return read() if self.boolean() else None

    def variant(self, count: int) -> int:
        """The number of an enum's variant, of which there are `count`."""
        return self.uint(count - 1)

    def length(self, limit: int) -> int:
        """The length of a string or a list: at most `limit`, and at most the bytes that are left."""
        return self.uint(min(limit, self.remaining))

    def byte_string(self, limit: int) -> bytes:
        return self.take(self.length(limit))

    def string(self, limit: int) -> str:
        try:
            return self.byte_string(limit).decode()
        except UnicodeDecodeError:
            raise MalformedMessage(self._what, "a text is not UTF-8") from None


class BincodeWriter:
    """Writes the fields of one message; every step returns the writer."""

    __slots__ = ("_buffer", "_byteorder")

    def __init__(self, byteorder: ByteOrder = "big") -> None:
        self._buffer = bytearray()
        self._byteorder: ByteOrder = byteorder

    def raw(self, data: bytes) -> BincodeWriter:
        self._buffer += data
        return self

    def u8(self, value: int) -> BincodeWriter:
        self._buffer.append(value)
        return self

    def boolean(self, value: bool) -> BincodeWriter:
        return self.u8(1 if value else 0)

    def uint(self, value: int) -> BincodeWriter:
        if 0 <= value < 251:
            self._buffer.append(value)
            return self
        for limit, marker, size in _LIMITS:
            if 0 <= value < limit:
                self._buffer.append(marker)
                self._buffer += value.to_bytes(size, self._byteorder)
                return self
        raise OverflowError("an integer does not fit 64 bits")

    def sint(self, value: int) -> BincodeWriter:
        return self.uint(2 * value if value >= 0 else -2 * value - 1)

    def option(self, value: T | None, write: Callable[[T], object]) -> BincodeWriter:
        self.boolean(value is not None)
        if value is not None:
            write(value)
        return self

    def byte_string(self, data: bytes) -> BincodeWriter:
        return self.uint(len(data)).raw(data)

    def string(self, text: str) -> BincodeWriter:
        return self.byte_string(text.encode())

    def finish(self) -> bytes:
        return bytes(self._buffer)
