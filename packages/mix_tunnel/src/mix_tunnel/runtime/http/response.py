"""A response whose body is read as it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from .connection import CHUNK_BYTES
from .errors import ResponseClosed
from .request import HeaderList
from .url import HttpUrl
from .wire_response import WireResponse


class HttpResponse:
    """Status, headers and a streamed body.

    The connection goes back to the pool by itself when the body has been received; a response that is closed, dropped
    or cancelled before that takes its connection with it (the server sees a reset, and stops sending).
    """

    def __init__(self, wire: WireResponse, url: HttpUrl, *, redirected: bool) -> None:
        head = wire.head
        self.status = head.status
        self.reason = head.reason
        self.http_version = head.http_version
        self.headers: HeaderList = head.headers
        """Names as the server wrote them, values as Latin-1 text; repeated ones are kept."""
        self.url = url.without_fragment
        """The URL that answered: the last one when redirects were followed."""
        self.redirected = redirected
        self._wire = wire
        self._piece = b""
        self._offset = 0
        self._closed = False

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

        Raises `BodyCut` when the connection ends too early, `ResponseClosed` after `aclose`. A cancelled read aborts
        the response.
        """
        if self._closed:
            raise ResponseClosed
        if self._offset >= len(self._piece):
            try:
                self._piece, self._offset = await self._wire.read(), 0
            except asyncio.CancelledError:
                self.abort()
                raise
        start = self._offset
        self._offset += max_bytes
        if start == 0 and max_bytes >= len(self._piece):
            return self._piece
        return self._piece[start : start + max_bytes]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self.read():
            yield piece

    async def discard(self, max_bytes: int, timeout_s: float) -> None:
        """Read a short rest so that the connection can be used again, or abort."""
        try:
            async with asyncio.timeout(timeout_s):
                while max_bytes > 0 and (piece := await self.read()):
                    max_bytes -= len(piece)
        except TimeoutError:
            pass
        finally:
            self.abort()

    def abort(self) -> None:
        """Give the response up at once: an unfinished one resets its connection. Idempotent."""
        self._closed = True
        self._piece = b""
        self._wire.abort()

    async def aclose(self) -> None:
        """Close the response, read or not. Idempotent."""
        self.abort()

    async def __aenter__(self) -> HttpResponse:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.abort()
