"""A chunked body, taken apart (RFC 9112 section 7.1).

Taken as well, and told by `odd`: line ends without CR. White space behind the size is as the standard wants it taken.
"""

from __future__ import annotations

import re

from ..errors import MalformedResponse

MAX_LINE_BYTES = 16_384
"""Of a chunk's size and its extensions; Chromium's limit."""
MAX_TRAILER_BYTES = 262_144
"""Of the fields behind the last chunk, which nobody reads."""
_MAX_DIGITS = 15
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]+)[ \t]*(?:;[^\r\n]*)?(\r?)\n")
_DIGITS = b"0123456789ABCDEFabcdef"


class ChunkReader:
    """Gives the body's bytes from pieces of any size; `rest` is what came behind the body."""

    def __init__(self) -> None:
        self._buffer = b""
        self._left = 0
        self._at_line_end = False
        self._in_trailer = False
        self._trailer_bytes = 0
        self.ended = False
        """Whether the last chunk and what belongs to it are here."""
        self.odd = False
        self.rest = b""
        self.failure: MalformedResponse | None = None
        """What is wrong behind the bytes that were given; nothing more comes then."""

    def feed(self, data: bytes) -> bytes:
        """Take a piece, and return what it holds of the body. Never raises: see `failure`."""
        data = self._buffer + data if self._buffer else data
        pieces: list[bytes] = []
        position = 0
        try:
            while not self.ended and (following := self._step(data, position, pieces)) is not None:
                position = following
        except MalformedResponse as error:
            self.failure = error
            self._buffer = b""
            return b"".join(pieces)
        if self.ended:
            self.rest, self._buffer = data[position:], b""
        else:
            self._buffer = data[position:]
        return b"".join(pieces)

    def _step(self, data: bytes, start: int, pieces: list[bytes]) -> int | None:
        """Take one thing at `start`, and return where the next begins; None when more has to come first."""
        if start >= len(data):
            return None
        if self._left:
            piece = data[start : start + self._left]
            self._left -= len(piece)
            self._at_line_end = not self._left
            pieces.append(piece)
            return start + len(piece)
        if self._at_line_end:
            return self._line_end(data, start)
        if self._in_trailer:
            return self._trailer(data, start)
        return self._size(data, start)

    def _size(self, data: bytes, start: int) -> int | None:
        end = data.find(b"\n", start, start + MAX_LINE_BYTES)
        if end < 0 and data[start] in _DIGITS and len(data) - start < MAX_LINE_BYTES:
            return None
        line = _SIZE_LINE.match(data, start)  # what is none is not waited for to its end
        if line is None:
            raise MalformedResponse("the server's answer has a chunk without a size")
        digits = line[1].lstrip(b"0")
        if len(digits) > _MAX_DIGITS or end < 0:
            raise MalformedResponse("the server's answer has a chunk that is larger than anything")
        self.odd = self.odd or not line[2]
        self._left = int(digits or b"0", 16)
        self._in_trailer = not self._left
        return line.end()

    def _line_end(self, data: bytes, start: int) -> int | None:
        if data.startswith(b"\r\n", start):
            end = start + 2
        elif data.startswith(b"\n", start):
            end, self.odd = start + 1, True
        elif data[start:] == b"\r":
            return None
        else:
            raise MalformedResponse("the server's answer has a chunk of another size than it says")
        self._at_line_end = False
        return end

    def _trailer(self, data: bytes, start: int) -> int | None:
        end = data.find(b"\n", start)
        if (len(data) if end < 0 else end) - start + self._trailer_bytes > MAX_TRAILER_BYTES:
            raise MalformedResponse("the server's answer has more behind it than any honest server sends")
        if end < 0:
            return None
        self._trailer_bytes += end + 1 - start
        line = data[start:end]
        self.odd = self.odd or not line.endswith(b"\r")
        self.ended = line in (b"", b"\r")
        return end + 1
