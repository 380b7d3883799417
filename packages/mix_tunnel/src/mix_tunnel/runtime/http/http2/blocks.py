"""Header blocks, put together from their frames and decoded (RFC 9113 section 4.3, RFC 7541).

They are decoded here and not by the h2 library, which ends the connection for a head that is wrong with one stream. The
library is told what a head does to its stream, by a block of the plainest kind.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hpack import Decoder, HPACKDecodingError, OversizedHeaderListError

from ..errors import HeadTooLarge
from .errors import Http2Violated
from .frames import END_STREAM, HEADERS, PADDED, PRIORITY, Frame
from .headers import HeaderBytes

FINAL = b"\x88"
""":status 200, out of the static table."""
PROVISIONAL = b"\x08\x03100"
TRAILERS = b""
MAX_RESIZES = 2
_PRIORITY_BYTES = 5


@dataclass(frozen=True, slots=True)
class Block:
    """The fields of one head or trailer."""

    stream_id: int
    ends_stream: bool
    fields: HeaderBytes = field(repr=False)


class HeaderBlocks:
    """Collects the frames of one block after the other; the guard has seen to their order and size.

    max_bytes -- of one list of fields, as RFC 9113 section 6.5.2 counts them
    """

    def __init__(self, max_bytes: int) -> None:
        self._decoder = Decoder(max_header_list_size=max_bytes)
        self._first: Frame | None = None
        self._fragments = bytearray()

    def add(self, frame: Frame, *, is_last: bool) -> Block | None:
        """Take a frame, and return the block that is whole with it. Raises `Http2Violated` or `HeadTooLarge`."""
        if frame.kind == HEADERS:
            self._first = frame
            self._fragments = bytearray(_fragment(frame))
        else:
            if self._first is None or frame.stream_id != self._first.stream_id:
                raise Http2Violated(reason="PROTOCOL_ERROR")
            self._fragments += frame.payload
        if not is_last:
            return None
        if not _resizes_modestly(self._fragments):
            raise Http2Violated(reason="COMPRESSION_ERROR")
        try:
            decoded = self._decoder.decode(bytes(self._fragments), raw=True)
        except OversizedHeaderListError as error:
            raise HeadTooLarge from error
        except (HPACKDecodingError, IndexError, ValueError) as error:
            raise Http2Violated(reason="COMPRESSION_ERROR") from error
        fields = [(bytes(name), bytes(value)) for name, value in decoded]
        return Block(self._first.stream_id, bool(self._first.flags & END_STREAM), fields)


def _resizes_modestly(block: bytearray) -> bool:
    """Whether at most two changes of the table's size stand at the beginning (RFC 7541 section 4.2).

    The library takes any number of them, which brings nothing and takes its time.
    """
    at = 0
    for _ in range(MAX_RESIZES + 1):
        if at >= len(block) or block[at] & 0xE0 != 0x20:
            return True
        is_long = block[at] & 0x1F == 0x1F
        at += 1
        while is_long and at < len(block) and block[at] & 0x80:
            at += 1
        at += is_long
    return False


def _fragment(frame: Frame) -> memoryview:
    """The part of a HEADERS frame that is the block's; priorities are passed over (RFC 9113 section 5.3.2)."""
    payload = frame.payload
    padding = 0
    if frame.flags & PADDED:
        if not payload:
            raise Http2Violated(reason="FRAME_SIZE_ERROR")
        padding, payload = payload[0], payload[1:]
    if frame.flags & PRIORITY:
        if len(payload) < _PRIORITY_BYTES:
            raise Http2Violated(reason="FRAME_SIZE_ERROR")
        payload = payload[_PRIORITY_BYTES:]
    if padding > len(payload):
        raise Http2Violated(reason="PROTOCOL_ERROR")
    return payload[: len(payload) - padding]
