"""A byte stream in memory, with two ends and little room between them."""

from __future__ import annotations

import asyncio

from mix_protocol.errors import Closed, NetworkFailure


class PipeBroken(NetworkFailure):
    """The other end was aborted."""

    code = "tcp.pipe_broken"
    message = "the pipe broke"


class PipeAborted(Closed):
    """This end was aborted."""

    code = "tcp.pipe_aborted"


class PipeEnd:
    """One end; a `ByteStream`."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._incoming = bytearray()
        self._incoming_ended = False
        self._changed = asyncio.Event()
        self._other: PipeEnd
        self.sent_bytes = 0
        self.aborted = False
        self.closed = False

    async def receive(self, max_bytes: int = 65_536) -> bytes:
        while not self._incoming:
            self._raise_if_over()
            if self._incoming_ended:
                return b""
            await self._change()
        data = bytes(self._incoming[:max_bytes])
        del self._incoming[:max_bytes]
        self._other._changed.set()
        return data

    async def readable(self) -> None:
        """Wait until there is something to receive."""
        while not self._incoming:
            await self._change()

    async def taken(self) -> None:
        """Wait until the other end has received everything."""
        while self._other._incoming:
            await self._change()

    async def send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            self._raise_if_over()
            room = self._capacity - len(self._other._incoming)
            if room <= 0:
                await self._change()
                continue
            self._other._incoming += view[:room]
            self.sent_bytes += len(view[:room])
            view = view[room:]
            self._other._changed.set()

    async def send_eof(self) -> None:
        self._other._incoming_ended = True
        self._other._changed.set()

    async def aclose(self) -> None:
        self.closed = True
        await self.send_eof()

    def abort(self) -> None:
        self.aborted = True
        for end in (self, self._other):
            end._changed.set()

    def _raise_if_over(self) -> None:
        if self.aborted:
            raise PipeAborted
        if self._other.aborted:
            raise PipeBroken

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


def byte_pipe(capacity: int = 65_536) -> tuple[PipeEnd, PipeEnd]:
    """Two ends of one connection, with room for `capacity` bytes each way."""
    one, other = PipeEnd(capacity), PipeEnd(capacity)
    one._other, other._other = other, one
    return one, other
