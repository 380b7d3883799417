"""What a server sends on one connection, made plain for the library that keeps the state.

The library gets heads with one statement about the body's length and nothing dropped or folded in them, and chunks of
the plainest form; so nobody but this reader decides where an answer ends.
"""

from __future__ import annotations

from mix_protocol.errors import MixError

from ..errors import MalformedResponse
from .chunks import ChunkReader
from .framing import End, Framing, frame
from .head import HeadReader


class ResponseReader:
    """Reads the answers to one request: any number of provisional ones, and the last with its body.

    upgrade -- whether the answer may be 101, with another protocol's bytes behind it in `rest`
    """

    def __init__(self, method: str, *, upgrade: bool = False) -> None:
        self._method = method
        self._upgrade = upgrade
        self._head = HeadReader()
        self._framing: Framing | None = None
        self._left = 0
        self._chunks = ChunkReader()
        self.odd = False
        """Whether anything was read that the standard does not allow: no other request may follow then."""
        self.ended = False
        """Whether the answer is here to its end."""
        self.failure: MixError | None = None
        """What is wrong behind the bytes that were given."""
        self.rest = b""
        """What came behind the answer, unasked."""

    def feed(self, data: bytes) -> bytes:
        """Take a piece, and return it in plain form. Never raises: see `failure`."""
        plain: list[bytes] = []
        try:
            while data and self._framing is None:
                data = self._feed_head(data, plain)
        except MixError as error:
            self.failure = error
            return b"".join(plain)
        plain.append(self._feed_body(data))
        return b"".join(plain)

    def _feed_head(self, data: bytes, plain: list[bytes]) -> bytes:
        """Take a head, and return what is behind it."""
        head = self._head.feed(data)
        if head is None:
            return b""
        rest, self._head = self._head.rest, HeadReader()
        head, framing = frame(self._method, head)
        if head.status == 101 and not self._upgrade:
            raise MalformedResponse("the server changes to another protocol, which nobody asked for")
        self.odd = self.odd or head.odd
        if head.status >= 200 or head.status == 101:
            self._framing = framing
            self._left = framing.length
            self.ended = framing.end is End.HEAD or (framing.end is End.LENGTH and not framing.length)
        plain.append(head.wire())
        return rest

    def _feed_body(self, data: bytes) -> bytes:
        if self._framing is None:
            return b""
        if self.ended:
            self.rest = self.rest or data
            return b""
        if self._framing.end is End.CHUNKS:
            return self._feed_chunks(data)
        if self._framing.end is End.CONNECTION:
            return data
        piece, self.rest = data[: self._left], data[self._left :]
        self._left -= len(piece)
        self.ended = not self._left
        return piece

    def _feed_chunks(self, data: bytes) -> bytes:
        piece = self._chunks.feed(data)
        self.odd = self.odd or self._chunks.odd
        self.ended, self.failure, self.rest = self._chunks.ended, self._chunks.failure, self._chunks.rest
        plain = b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""
        return plain + b"0\r\n\r\n" if self.ended else plain
