"""Where everything that a connection sends goes through: one writer, and uploads that take turns frame by frame."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mix_protocol.errors import MixError

from ....streams import ByteStream
from .protocol import Http2Protocol

HIGH_WATER_BYTES = 65_536
"""Uploads wait while so much is still to be sent."""


class Outlet:
    """Sends what the protocol has to send. What many requests say in one turn of the loop leaves in one write.

    failed -- is called once when the stream below fails
    """

    def __init__(self, stream: ByteStream, protocol: Http2Protocol, failed: Callable[[MixError], None]) -> None:
        self._stream = stream
        self._protocol = protocol
        self._failed = failed
        self._waiting = bytearray()
        self._wake = asyncio.Event()
        self._moved = asyncio.Event()
        self._turn = asyncio.Lock()
        self._last = False
        self._answers_bytes = 0
        self._task = asyncio.create_task(self._write(), name="http2 writer")

    @property
    def answers_bytes(self) -> int:
        """Of what waits, so much only answers what the server sent."""
        return self._answers_bytes

    def flush(self, *, answers: bool = False) -> None:
        """Send what the protocol has to send, soon; `answers` when the server made us send it."""
        data = self._protocol.take_outgoing()
        if data:
            self._waiting += data
            self._answers_bytes += len(data) if answers else 0
            self._wake.set()

    def window_changed(self) -> None:
        """Let the uploads look whether there is room now."""
        self._moved.set()

    async def send_body(self, stream_id: int, data: memoryview, *, end: bool) -> int:
        """Send as much of a body as one frame takes, and return how much that was; waits for window and writer."""
        while self._protocol.stream_room(stream_id) <= 0:  # a full stream must not hold up the others
            await self._movement()
        async with self._turn:
            while self._protocol.room <= 0 or len(self._waiting) >= HIGH_WATER_BYTES:
                await self._movement()
            return self.send_now(stream_id, data, end=end)

    def send_now(self, stream_id: int, data: memoryview, *, end: bool) -> int:
        """Send as much as one frame takes now, perhaps nothing; `end` ends the body with the last of `data`."""
        count = min(self._protocol.frame_room(stream_id), len(data))
        if count or not data:
            self._protocol.send(stream_id, bytes(data[:count]), end=end and count == len(data))
            self.flush()
        return count

    async def finish(self) -> None:
        """Send the rest, and nothing more. Never raises for a stream that fails."""
        self._last = True
        self._wake.set()
        await asyncio.wait({self._task})

    def finish_soon(self, *then: Callable[[], None]) -> None:
        """`finish` in the background, and call `then` afterwards."""
        self._last = True
        self._wake.set()

        def finished(_: asyncio.Task[None]) -> None:
            for action in then:
                action()

        self._task.add_done_callback(finished)

    def stop(self) -> None:
        """Send nothing more."""
        self._task.cancel()
        self._moved.set()

    async def _movement(self) -> None:
        self._moved.clear()
        await self._moved.wait()

    async def _write(self) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    data = bytes(self._waiting)
                    self._waiting.clear()
                    self._answers_bytes = 0
                    await self._stream.send(data)
                    self._moved.set()
                if self._last:
                    return
        except MixError as error:
            self._failed(error)
