"""The body of a request, sent as the server's windows allow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable

from ..errors import BadBody, WriteTimedOut
from ..request import PreparedRequest
from .outlet import Outlet


class Upload:
    """Sends one body.

    write_s -- longest wait for the server to take the next piece, in seconds; None waits for ever
    moved -- is called whenever a piece has left
    """

    def __init__(
        self, outlet: Outlet, request: PreparedRequest, write_s: float | None, moved: Callable[[], None]
    ) -> None:
        assert request.body is not None
        self._outlet = outlet
        self._body = request.body
        self._write_s = write_s
        self._declared = _declared_length(request)
        self._moved = moved
        self._sent_bytes = 0

    async def run(self, stream_id: int) -> None:
        """Send the body to its end. Raises `BadBody`, `WriteTimedOut`, or what the caller's iterator raises."""
        if isinstance(self._body, AsyncIterable):
            async for piece in self._body:
                if not isinstance(piece, (bytes, bytearray, memoryview)):
                    raise BadBody("an asynchronous body must yield bytes")
                if piece:
                    self._count(len(piece))
                    await self._send(stream_id, memoryview(bytes(piece)), end=False)
            if self._declared is not None and self._sent_bytes != self._declared:
                raise BadBody("the body is shorter than its Content-Length")
            await self._send(stream_id, memoryview(b""), end=True)
        else:
            await self._send(stream_id, memoryview(self._body)[self._sent_bytes :], end=True)

    def start(self, stream_id: int) -> bool:
        """Send at once what can be sent without waiting; returns whether that was all."""
        if isinstance(self._body, AsyncIterable):
            return False
        view = memoryview(self._body)
        while self._sent_bytes < len(view):
            count = self._outlet.send_now(stream_id, view[self._sent_bytes :], end=True)
            self._sent_bytes += count
            if not count or self._sent_bytes >= _AT_ONCE_BYTES:
                break
        return self._sent_bytes == len(view)

    def _count(self, size: int) -> None:
        self._sent_bytes += size
        if self._declared is not None and self._sent_bytes > self._declared:
            raise BadBody("the body is longer than its Content-Length")

    async def _send(self, stream_id: int, view: memoryview, *, end: bool) -> None:
        if not view:
            self._outlet.send_now(stream_id, view, end=end)  # takes no window
            return
        while view:
            try:
                async with asyncio.timeout(self._write_s):
                    count = await self._outlet.send_body(stream_id, view, end=end)
            except TimeoutError as error:
                raise WriteTimedOut(seconds=self._write_s) from error
            view = view[count:]
            self._moved()


_AT_ONCE_BYTES = 65_536
"""Of a body, sent together with its head."""


def _declared_length(request: PreparedRequest) -> int | None:
    return next((int(value) for name, value in request.headers if name.lower() == "content-length"), None)
