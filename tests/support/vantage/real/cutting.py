"""Cuts what passes on TCP connections into frames: of one node to the next, and of the client's WebSocket."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from mix_protocol.mixwire.frames import FrameDecoder
from mix_protocol.sphinx.geometry import HEADER_LENGTH

_SEQUENCES = 1 << 32


class Frame(NamedTuple):
    """length -- in bytes: of the Sphinx packet between nodes, else of the whole frame; header -- of Sphinx, if any"""

    length: int
    header: bytes


class Cutter(Protocol):
    """Takes a stream's bytes as they come, and gives the frames that are whole."""

    def feed(self, data: bytes) -> list[Frame]: ...


class NodeCutter:
    """The stream from one node to another."""

    def __init__(self) -> None:
        self._decoder = FrameDecoder()

    def feed(self, data: bytes) -> list[Frame]:
        return [Frame(len(frame.packet), frame.packet[:HEADER_LENGTH]) for frame in self._decoder.feed(data)]


class WebSocketCutter:
    """One direction of a WebSocket (RFC 6455): a head of HTTP, and frames, of which only the length can be told."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._is_open = False

    def feed(self, data: bytes) -> list[Frame]:
        self._buffer += data
        if not self._is_open:
            _, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return []
            self._buffer, self._is_open = rest, True
        frames = []
        while (length := _frame_length(self._buffer)) and length <= len(self._buffer):
            del self._buffer[:length]
            frames.append(Frame(length, b""))
        return frames


def _frame_length(data: bytearray) -> int:
    """The length of a whole WebSocket frame by its beginning; 0 if there is too little of that."""
    if len(data) < 2:
        return 0
    more = {126: 2, 127: 8}.get(data[1] & 0x7F, 0)
    if len(data) < 2 + more:
        return 0
    payload = int.from_bytes(data[2 : 2 + more]) if more else data[1] & 0x7F
    return 2 + more + (4 if data[1] & 0x80 else 0) + payload


class Connection:
    """One direction of a TCP connection, in order. Raises `BytesMissed` where the tap has not seen everything."""

    def __init__(self, sequence: int, make_cutter: Callable[[], Cutter]) -> None:
        self._next = sequence
        self._cutter = make_cutter()

    def feed(self, sequence: int, data: bytes) -> list[Frame]:
        """Take a segment, which may repeat what was there before."""
        ahead = (sequence - self._next + _SEQUENCES // 2) % _SEQUENCES - _SEQUENCES // 2
        if ahead > 0:
            raise BytesMissed(f"{ahead} bytes of a connection were not seen")
        data = data[-ahead:] if ahead else data
        self._next = (self._next + len(data)) % _SEQUENCES
        return self._cutter.feed(data) if data else []


class BytesMissed(Exception):
    """The record is not whole, and so worth nothing."""
