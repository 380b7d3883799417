"""Many small frames made few, before the library works on each.

Token streams and chatty proxies cut a body into frames of a few bytes, and some servers tell of room in the window for
each read of theirs. What means the same in one frame is handed on in one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .frames import DATA, END_STREAM, HEADER_BYTES, MAX_FRAME_BYTES, WINDOW_UPDATE, Frame, make_frame

_MAX_INCREMENT = 2**31 - 1


def merged(frames: Iterable[Frame]) -> Iterator[Frame]:
    """The same frames, with runs of DATA on one stream and of WINDOW_UPDATE put together."""
    run: _Run | None = None
    for frame in frames:
        if run is not None:
            if run.takes(frame):
                continue
            yield from run.frames()
        run = _begin(frame)
        if run is None:
            yield frame
    if run is not None:
        yield from run.frames()


def _begin(frame: Frame) -> _Run | None:
    if frame.kind == DATA and not frame.flags:
        return _Data(frame)
    if _increment(frame):
        return _Windows(frame)
    return None


class _Data:
    """Pieces of one stream's body, none of them padded; the last may end it."""

    def __init__(self, frame: Frame) -> None:
        self._first = frame
        self._pieces = [frame.payload]
        self._size = len(frame.payload)
        self._flags = 0

    def takes(self, frame: Frame) -> bool:
        size = len(frame.wire) - HEADER_BYTES
        fits = self._size + size <= MAX_FRAME_BYTES and not self._flags
        if frame.kind != DATA or frame.flags & ~END_STREAM or frame.stream_id != self._first.stream_id or not fits:
            return False
        self._pieces.append(frame.payload)
        self._size += size
        self._flags = frame.flags
        return True

    def frames(self) -> Iterator[Frame]:
        if len(self._pieces) == 1:
            yield self._first
        else:
            yield make_frame(DATA, self._flags, self._first.stream_id, b"".join(self._pieces))


class _Windows:
    """Room in the windows of some streams and of the connection, in any order."""

    def __init__(self, frame: Frame) -> None:
        self._rooms = {frame.stream_id: _increment(frame)}

    def takes(self, frame: Frame) -> bool:
        increment = _increment(frame)
        room = self._rooms.get(frame.stream_id, 0) + increment
        if not increment or room > _MAX_INCREMENT:
            return False
        self._rooms[frame.stream_id] = room
        return True

    def frames(self) -> Iterator[Frame]:
        for stream_id, room in self._rooms.items():
            yield make_frame(WINDOW_UPDATE, 0, stream_id, room.to_bytes(4, "big"))


_Run = _Data | _Windows


def _increment(frame: Frame) -> int:
    """What a valid WINDOW_UPDATE adds; 0 for every other frame."""
    if frame.kind != WINDOW_UPDATE or len(frame.wire) != HEADER_BYTES + 4:
        return 0
    return int.from_bytes(frame.wire[HEADER_BYTES:], "big") & _MAX_INCREMENT
