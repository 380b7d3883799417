"""A response whose body is read as it arrives."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator

from mix_protocol.errors import MixError

from ...streams import ByteStream
from .deadline import Deadline
from .decoding import BodyReader
from .errors import ResponseClosed
from .http1 import CHUNK_BYTES
from .request import HeaderList
from .url import HttpUrl
from .wire_response import ResponseHead, WireResponse


class BytesReader:
    """A body that is here already."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def read(self) -> bytes:
        """All of it, then b""."""
        data, self._data = self._data, b""
        return data


class HttpResponse:
    """Status, headers and a streamed body.

    head -- what the caller is told; of a decoded body without its coding
    wire -- the exchange below, which is given up when this is
    body -- where the body comes from: `wire`, or what decodes or has checked it
    deadline -- when the last byte has to be here

    The connection goes back to the pool by itself when the body has been received; a response that is closed, dropped
    or cancelled before that takes its connection with it (the server sees a reset, and stops sending).
    """

    def __init__(
        self,
        head: ResponseHead,
        wire: WireResponse,
        body: BodyReader,
        url: HttpUrl,
        *,
        redirected: bool,
        deadline: Deadline,
    ) -> None:
        self.status = head.status
        self.reason = head.reason
        self.http_version = head.http_version
        self.headers: HeaderList = head.headers
        """Names as the server wrote them, values as Latin-1 text; repeated ones are kept."""
        self.url = url.without_fragment
        """The URL that answered: the last one when redirects were followed."""
        self.redirected = redirected
        self._wire = wire
        self._body = body
        self._piece = b""
        self._offset = 0
        self._closed = False
        self._failure: MixError | None = None
        self._deadline = deadline
        ourselves = weakref.ref(self)  # the timer must not keep a forgotten response alive
        self._timer = deadline.call(lambda: _expire(ourselves))

    @property
    def switched(self) -> ByteStream | None:
        """The connection's bytes after 101, when the request asked for another protocol; closed with the response."""
        return self._wire.switched

    def header(self, name: str) -> str | None:
        """The first value of a header, or None."""
        lower = name.lower()
        return next((value for other, value in self.headers if other.lower() == lower), None)

    @property
    def content_length(self) -> int | None:
        """Bytes of the whole body, when the server said it."""
        value = self.header("content-length")
        return int(value) if value is not None and value.isascii() and value.isdigit() else None

    async def read(self, max_bytes: int = CHUNK_BYTES) -> bytes:
        """Wait for at most `max_bytes` of the body; b"" at its end.

        Raises `BodyCut` when the connection ends too early, `BadEncoding` and its like when the body can't be
        decoded, `TotalTimedOut`, `ResponseClosed` after `aclose`. A read that fails or is cancelled aborts the
        response.
        """
        if self._failure is not None:
            raise self._failure
        if self._closed:
            raise ResponseClosed
        if self._offset >= len(self._piece):
            self._piece, self._offset = await self._next_piece(), 0
        start = self._offset
        self._offset += max_bytes
        if start == 0 and max_bytes >= len(self._piece):
            return self._piece
        return self._piece[start : start + max_bytes]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self.read():
            yield piece

    async def _next_piece(self) -> bytes:
        try:
            if self._wire.released:  # nothing can be late any more
                return await self._body.read()
            async with self._deadline.limit():
                return await self._body.read()
        except MixError as error:
            self._failure = self._failure or error
            self.abort()
            raise self._failure from error.__cause__
        except BaseException:
            self.abort()
            raise

    def expire(self) -> None:
        """The deadline has come: whoever reads on is told, unless everything is here already."""
        if not self._closed and not self._wire.released:
            self._failure = self._deadline.error
            self.abort()

    def abort(self) -> None:
        """Give the response up at once: an unfinished one resets its connection. Idempotent."""
        self._closed = True
        self._piece = b""
        if self._timer is not None:
            self._timer.cancel()
        self._wire.abort()

    async def aclose(self) -> None:
        """Close the response, read or not. Idempotent."""
        self.abort()

    async def __aenter__(self) -> HttpResponse:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.abort()


def _expire(response: weakref.ref[HttpResponse]) -> None:
    if (alive := response()) is not None:
        alive.expire()
