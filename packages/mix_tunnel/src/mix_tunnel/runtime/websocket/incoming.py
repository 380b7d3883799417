"""Data frames that have arrived and wait for whoever receives, within limits."""

from __future__ import annotations

import asyncio
from collections import deque

from websockets.frames import Frame


class IncomingFrames:
    """A queue that says when it is full; its filler is to wait then, and so does the server in the end."""

    def __init__(self, limit_bytes: int, limit_frames: int) -> None:
        self._limit_bytes = limit_bytes
        self._limit_frames = limit_frames
        self._frames: deque[Frame] = deque()
        self._bytes = 0
        self._ended = False
        self._dropping = False
        self._changed = asyncio.Event()

    @property
    def is_full(self) -> bool:
        """Whether the filler has to wait."""
        return self._bytes >= self._limit_bytes or len(self._frames) >= self._limit_frames

    def put(self, frame: Frame) -> None:
        """Add a frame; it is dropped when nobody waits for room any longer and there is none."""
        if self._ended or (self._dropping and self.is_full):
            return
        self._frames.append(frame)
        self._bytes += len(frame.data)
        self._changed.set()

    def drop_when_full(self) -> None:
        """Let the filler go on for ever: this side is closing, so what does not fit is not wanted."""
        self._dropping = True
        self._changed.set()

    def end(self) -> None:
        """No more frames come; those that wait can still be taken."""
        self._ended = True
        self._changed.set()

    async def room(self) -> None:
        """Wait while the queue is full."""
        while self.is_full and not (self._dropping or self._ended):
            await self._change()

    async def get(self) -> Frame | None:
        """Wait for the next frame; None after the last. Loses nothing when cancelled."""
        while not self._frames:
            if self._ended:
                return None
            await self._change()
        frame = self._frames.popleft()
        self._bytes -= len(frame.data)
        self._changed.set()
        return frame

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
