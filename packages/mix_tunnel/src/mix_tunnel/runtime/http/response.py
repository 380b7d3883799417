"""A response whose body is read as it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from ..pool import Lease
from .connection import CHUNK_BYTES, HttpConnection, ResponseHead
from .errors import ResponseClosed
from .request import HeaderList
from .url import HttpUrl


class HttpResponse:
    """Status, headers and a streamed body.

    The connection goes back to the pool by itself when the body has been received; a response that is closed, dropped
    or cancelled before that takes its connection with it (the server sees a reset, and stops sending).
    """

    def __init__(self, head: ResponseHead, url: HttpUrl, lease: Lease[HttpConnection], *, redirected: bool) -> None:
        self.status = head.status
        self.reason = head.reason
        self.http_version = head.http_version
        self.headers: HeaderList = head.headers
        """Names as the server wrote them, values as Latin-1 text; repeated ones are kept."""
        self.url = url.without_fragment
        """The URL that answered: the last one when redirects were followed."""
        self.redirected = redirected
        self._lease = lease
        self._buffer = b""
        self._offset = 0
        self._closed = False
        self._take_early_end()

    def header(self, name: str) -> str | None:
        """The first value of a header, or None."""
        lower = name.lower()
        return next((value for other, value in self.headers if other.lower() == lower), None)

    @property
    def content_length(self) -> int | None:
        """Bytes of the whole body, when the server said it."""
        value = self.header("content-length")
        return int(value) if value is not None and value.isascii() and value.isdigit() else None

    def _take_early_end(self) -> None:
        """A body that is already here whole leaves the connection at once."""
        connection = self._lease.connection
        assert connection is not None
        if connection.complete:
            self._buffer = connection.take_pending()
            self._release()

    async def read(self, max_bytes: int = CHUNK_BYTES) -> bytes:
        """Wait for at most `max_bytes` of the body; b"" at its end.

        Raises `BodyCut` when the connection ends too early, `ResponseClosed` after `aclose`. A cancelled read aborts
        the response.
        """
        if self._offset >= len(self._buffer):
            self._buffer, self._offset = await self._next_piece(), 0
        start = self._offset
        self._offset += max_bytes
        if start == 0 and max_bytes >= len(self._buffer):
            return self._buffer
        return self._buffer[start : start + max_bytes]

    async def _next_piece(self) -> bytes:
        if self._closed:
            raise ResponseClosed
        connection = self._lease.connection
        if self._lease.released or connection is None:
            return b""
        try:
            piece = await connection.read()
        except BaseException:
            self._lease.drop()
            raise
        if connection.complete:
            self._release()
        return piece

    def _release(self) -> None:
        connection = self._lease.connection
        if connection is not None and connection.reusable:
            self._lease.give_back()
        else:
            self._lease.finish()

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
        self._buffer = b""
        self._lease.drop()

    async def aclose(self) -> None:
        """Close the response, read or not. Idempotent."""
        self.abort()

    async def __aenter__(self) -> HttpResponse:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.abort()

    def __del__(self) -> None:
        """A forgotten response must not hold its connection (and a place in the pool) for ever."""
        if not self._lease.released:
            self._lease.drop_soon()
