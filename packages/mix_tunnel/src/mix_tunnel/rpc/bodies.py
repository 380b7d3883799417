"""Bodies that flow under credit: the sending gate for a response, the receiving queue for an upload."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from mix_protocol.errors import MixError
from mix_tunnel.rpc.errors import CreditExceeded

UPLOAD_WINDOW_BYTES = 256 * 1024
"""Bytes of a request's body that may be on their way or waiting in the worker."""


class ByteSource(Protocol):
    """Where a response's body comes from."""

    async def read(self, max_bytes: int = 65536) -> bytes:
        """Read some bytes; none at the end."""
        ...

    async def aclose(self) -> None:
        """Give the rest up. Idempotent."""
        ...


class CreditGate:
    """Counts how many bytes the other side still takes."""

    def __init__(self) -> None:
        self._available = 0
        self._more = asyncio.Event()

    def grant(self, count: int) -> None:
        """The other side takes `count` bytes more."""
        self._available += count
        self._more.set()

    async def wait(self) -> int:
        """Wait until some bytes may be sent; how many."""
        while self._available <= 0:
            self._more.clear()
            await self._more.wait()
        return self._available

    def spend(self, count: int) -> None:
        """`count` bytes were sent."""
        self._available -= count


class Upload:
    """A request's body as it arrives in chunks: an asynchronous iterator that grants credit as it is consumed."""

    def __init__(self, grant: Callable[[int], None]) -> None:
        self._grant = grant
        self._chunks: deque[bytes] = deque()
        self._room = 0
        self._ended = False
        self._error: MixError | None = None
        self._changed = asyncio.Event()

    def open(self) -> None:
        """Grant the first window."""
        self._give(UPLOAD_WINDOW_BYTES)

    def receive(self, data: bytes, end: bool) -> None:
        """Take a chunk that has arrived; `CreditExceeded` if it was not granted."""
        if len(data) > self._room or self._ended:
            raise CreditExceeded
        self._room -= len(data)
        if data:
            self._chunks.append(data)
        self._ended = end
        self._changed.set()

    def fail(self, error: MixError) -> None:
        """Let whoever reads the body get this error."""
        self._error = error
        self._changed.set()

    def __aiter__(self) -> Upload:
        return self

    async def __anext__(self) -> bytes:
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self._ended:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        data = self._chunks.popleft()
        if not self._ended:
            self._give(len(data))
        return data

    def _give(self, count: int) -> None:
        self._room += count
        self._grant(count)
