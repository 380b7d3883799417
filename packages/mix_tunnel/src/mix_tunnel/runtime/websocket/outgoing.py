"""Frames on their way out: a queue before the byte stream, so that pongs need not wait for long messages."""

from __future__ import annotations

import asyncio
from collections import deque

from mix_protocol.errors import MixError

from ...streams import ByteStream
from ..presence import present_clock

WRITE_BYTES = 65_536
"""Frames that wait together are written together, up to so many bytes: on a mixnet every packet counts."""
CONTROL_LIMIT_BYTES = 65_536
"""Pings of a server that takes no pongs are not read any more when so much is owed to it."""


class OutgoingFrames:
    """Writes frames in order, but control frames before those data frames that have not left yet.

    `run` must be running; it returns when the stream fails, and from then on everything is dropped.
    """

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._data: deque[bytes] = deque()
        self._control: deque[bytes] = deque()
        self._data_bytes = 0
        self._control_bytes = 0
        self._changed = asyncio.Event()
        self._failed = False
        self._clock = present_clock()
        self.taken_bytes = 0
        """Bytes that the stream has taken so far."""
        self.taken_at = self._clock.time()
        """When it last took some of a data frame, in seconds of presence."""

    @property
    def buffered_bytes(self) -> int:
        """Bytes of data frames that the stream has not taken yet."""
        return self._data_bytes

    def put(self, frame: bytes) -> None:
        """Add a frame that must stay behind those before it: of data, or a close frame."""
        if not self._failed:
            self._data.append(frame)
            self._data_bytes += len(frame)
            self._changed.set()

    def put_control(self, frame: bytes) -> None:
        """Add a ping or pong."""
        if not self._failed:
            self._control.append(frame)
            self._control_bytes += len(frame)
            self._changed.set()

    async def below(self, limit_bytes: int) -> None:
        """Wait until at most so many bytes of data are buffered."""
        while self._data_bytes > limit_bytes:
            await self._change()

    async def control_room(self) -> None:
        """Wait until the control frames that are owed are few."""
        while self._control_bytes > CONTROL_LIMIT_BYTES:
            await self._change()

    async def run(self) -> None:
        """Write until the stream fails, or for ever."""
        try:
            while True:
                while not (self._control or self._data):
                    await self._change()
                await self._write_some()
        except MixError:
            pass  # who reads from the stream finds out why
        finally:
            self._failed = True
            self._data.clear()
            self._control.clear()
            self._data_bytes = self._control_bytes = 0
            self._changed.set()

    async def _write_some(self) -> None:
        control, self._control = self._control, deque()
        frames = [*control]
        control_bytes, data_bytes = self._control_bytes, 0
        while self._data and control_bytes + data_bytes < WRITE_BYTES:
            frames.append(self._data.popleft())
            data_bytes += len(frames[-1])
        await self._stream.send(b"".join(frames))
        self.taken_bytes += control_bytes + data_bytes
        self._control_bytes -= control_bytes
        self._data_bytes -= data_bytes
        if data_bytes:
            self.taken_at = self._clock.time()
        self._changed.set()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
