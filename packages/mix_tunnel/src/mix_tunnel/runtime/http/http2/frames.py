"""What a server sends, cut into frames and judged before any work is done for it (RFC 9113 sections 4, 5.4 and 10.5).

A frame that is too long is refused at its header, not after its payload has been collected; a header block is measured
over all of its frames; and what costs us work but brings nothing (PING, SETTINGS, empty DATA, frames for no stream)
is paid for from an allowance that grows with time. Window updates are paid for by the body that they make room for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from ..errors import HeadTooLarge
from .errors import Http2Flood, Http2Violated

HEADER_BYTES = 9
MAX_FRAME_BYTES = 16_384
"""SETTINGS_MAX_FRAME_SIZE: the least that may be asked for, and enough."""
MAX_HEADER_BLOCK_BYTES = 131_072
"""Of one header block as it is compressed, over HEADERS and CONTINUATION frames."""
BURST_FRAMES = 2_000
FRAMES_PER_SECOND = 100.0
SETTINGS_COST = 20
"""An honest server sends them once or twice; each may change every stream."""

DATA: Final = 0x0
HEADERS: Final = 0x1
RST_STREAM: Final = 0x3
SETTINGS: Final = 0x4
GOAWAY: Final = 0x7
WINDOW_UPDATE: Final = 0x8
CONTINUATION: Final = 0x9
ACK: Final = 0x1
END_STREAM: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITY: Final = 0x20


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole frame."""

    kind: int
    flags: int
    stream_id: int
    wire: bytes = field(repr=False)
    """With its header."""

    @property
    def payload(self) -> memoryview:
        """Without its header."""
        return memoryview(self.wire)[HEADER_BYTES:]


def make_frame(kind: int, flags: int, stream_id: int, payload: bytes) -> Frame:
    """A frame of our own making."""
    header = len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream_id.to_bytes(4, "big")
    return Frame(kind, flags, stream_id, header + payload)


class FrameGuard:
    """Cuts a byte stream into frames; raises `Http2Violated` or one of its kinds, or `HeadTooLarge`."""

    def __init__(self, now: float) -> None:
        self._buffer = bytearray()
        self._begun = False
        self._in_block = False
        self._block_bytes = 0
        self._allowance = float(BURST_FRAMES)
        self._counted_at = now
        self._window_due = 0

    def receive(self, data: bytes) -> None:
        """Take what has arrived; at most one frame stays behind when `frames` has run."""
        self._buffer += data

    def allow(self, frames: int) -> None:
        """Let the server send so many more, because we did what it has to answer."""
        self._allowance += frames

    def sent(self, count: int) -> None:
        """So many bytes of bodies were sent: the server may give the room for them back, however finely."""
        self._window_due += 2 * count  # in the stream's window and in the connection's

    def frames(self, now: float) -> Iterator[Frame]:
        """Every whole frame that has arrived."""
        while len(self._buffer) >= HEADER_BYTES:
            length = int.from_bytes(self._buffer[:3], "big")
            kind, flags = self._buffer[3], self._buffer[4]
            self._judge_header(length, kind, flags)
            end = HEADER_BYTES + length
            if len(self._buffer) < end:
                return
            stream_id = int.from_bytes(self._buffer[5:HEADER_BYTES], "big") & 0x7FFF_FFFF
            frame = Frame(kind, flags, stream_id, bytes(memoryview(self._buffer)[:end]))
            del self._buffer[:end]
            self._judge(frame, now)
            yield frame

    def _judge_header(self, length: int, kind: int, flags: int) -> None:
        if not self._begun and (kind != SETTINGS or flags & ACK):
            raise Http2Violated("the server does not answer in HTTP/2", reason="PROTOCOL_ERROR")
        if length > MAX_FRAME_BYTES:
            raise Http2Violated(reason="FRAME_SIZE_ERROR")
        if self._in_block != (kind == CONTINUATION):  # nothing may stand between the frames of one block
            raise Http2Violated(reason="PROTOCOL_ERROR")
        if self._in_block and self._block_bytes + length > MAX_HEADER_BLOCK_BYTES:
            raise HeadTooLarge

    def _judge(self, frame: Frame, now: float) -> None:
        self._begun = True
        if frame.kind == DATA and _carries_data(frame):
            return
        if frame.kind == WINDOW_UPDATE and self._brings_window(frame):
            return
        if frame.kind in (HEADERS, CONTINUATION):
            self._measure_block(frame)
        self._allowance = min(
            max(self._allowance, BURST_FRAMES),
            self._allowance + (now - self._counted_at) * FRAMES_PER_SECOND,
        )
        self._counted_at = now
        self._allowance -= SETTINGS_COST if frame.kind == SETTINGS else 1
        if self._allowance < 0:
            raise Http2Flood(reason="ENHANCE_YOUR_CALM")

    def _brings_window(self, frame: Frame) -> bool:
        """Whether it gives back room that a body of ours has taken."""
        increment = int.from_bytes(frame.payload[:4], "big") & 0x7FFF_FFFF
        if not 0 < increment <= self._window_due:
            return False
        self._window_due -= increment
        return True

    def _measure_block(self, frame: Frame) -> None:
        # Pushed streams are refused in our settings, so no stream of the server's own can begin.
        if frame.kind == HEADERS and frame.stream_id % 2 == 0:
            raise Http2Violated(reason="PROTOCOL_ERROR")
        self._in_block = not frame.flags & END_HEADERS
        self._block_bytes = self._block_bytes + len(frame.payload) if self._in_block else 0


def _carries_data(frame: Frame) -> bool:
    payload = frame.payload
    if frame.flags & PADDED and payload:
        return len(payload) > payload[0] + 1
    return bool(payload)
