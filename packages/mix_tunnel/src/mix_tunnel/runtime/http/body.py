"""The body of a response, received ahead of its reader, but not far ahead.

A short body is received whole even if nobody reads it, so that its connection serves the next request; otherwise six
unread answers of one origin would block the seventh for ever. A long one waits, and with it the server, as soon as
`READ_AHEAD_BYTES` lie unread.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from .errors import ResponseClosed
from .http1 import HttpConnection
from .pool import Lease

READ_AHEAD_BYTES = 65_536


class BodyBuffer:
    """Fills itself from a connection and gives the lease up at the body's end, or when it fails."""

    def __init__(self, lease: Lease[Any], connection: HttpConnection) -> None:
        self._lease = lease
        self._connection = connection
        self._pieces: deque[bytes] = deque()
        self._unread_bytes = 0
        self._failure: BaseException | None = None
        self._ended = False
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._put(connection.take_pending())
        if connection.complete:  # what came with the head was all
            self._end()
        else:
            self._task = asyncio.create_task(self._fill(), name="response body")

    async def read(self) -> bytes:
        """Wait for the next piece; b"" at the end. Raises what receiving raised, after everything before it."""
        while not self._pieces:
            if self._failure is not None:
                raise self._failure
            if self._ended:
                return b""
            self._arrived.clear()
            await self._arrived.wait()
        piece = self._pieces.popleft()
        self._unread_bytes -= len(piece)
        self._room.set()
        return piece

    def abort(self) -> None:
        """Forget what was not read, and drop the connection if the body has not ended. Idempotent."""
        if self._task is not None:
            self._task.cancel()
        if not self._ended and self._failure is None:
            self._failure = ResponseClosed()
            self._arrived.set()
        self._pieces.clear()
        self._lease.drop()

    @property
    def released(self) -> bool:
        """Whether the connection is others' again."""
        return self._lease.released

    def abort_soon(self) -> None:
        """`abort` from wherever the garbage collector runs."""
        self._lease.call_soon(self.abort)

    async def _fill(self) -> None:
        try:
            while not self._connection.complete:
                while self._unread_bytes >= READ_AHEAD_BYTES:
                    self._room.clear()
                    await self._room.wait()
                self._put(await self._connection.read())
        except Exception as error:
            self._failure = error  # for the reader
            self._lease.drop()
            self._arrived.set()
        else:
            self._end()

    def _put(self, piece: bytes) -> None:
        if piece:
            self._pieces.append(piece)
            self._unread_bytes += len(piece)
            self._arrived.set()

    def _end(self) -> None:
        self._ended = True
        self._arrived.set()
        if self._connection.reusable:
            self._lease.give_back()
        else:
            self._lease.finish()
