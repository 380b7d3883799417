"""Frames of an encrypted link: `version | pattern | type | length 2 | reserved 3 | Noise message`.

Source: Nym spec, Noise between nodes. There is version 1 with pattern 1 (XKpsk3); what the reserved bytes hold does not
matter.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

from mix_protocol.noise.cipher_state import TAG_LENGTH
from mix_protocol.noise.errors import MalformedFrame, UnexpectedFrame

VERSION: Final = 1
PATTERN_XKPSK3: Final = 1
HEADER_LENGTH: Final = 8
MAX_MESSAGE_LENGTH: Final = 0xFFFF
MAX_HANDSHAKE_LENGTH: Final = 1024

_RESERVED: Final = bytes(3)


class FrameType(IntEnum):
    """What a frame carries."""

    HANDSHAKE = 0
    DATA = 1


class NoiseFrame(NamedTuple):
    """One Noise message on its way."""

    type: FrameType
    message: bytes

    def __repr__(self) -> str:
        return f"NoiseFrame(type={self.type!r}, length={len(self.message)})"


def encode_frame(type: FrameType, message: bytes) -> bytes:
    """Frame a Noise message of at most `MAX_MESSAGE_LENGTH` bytes."""
    return bytes((VERSION, PATTERN_XKPSK3, type)) + len(message).to_bytes(2, "big") + _RESERVED + message


class FrameDecoder:
    """Cuts a stream into frames; between calls it holds less than one.

    expected -- the type that the next frame must have. A header is judged as soon as it is there, so that nobody makes
        us wait for what will be refused
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.expected = FrameType.HANDSHAKE

    @property
    def held_bytes(self) -> int:
        """How much of an unfinished frame is held."""
        return len(self._buffer)

    def feed(self, data: bytes | memoryview) -> None:
        """Take bytes in, however they were split."""
        self._buffer += data

    def next_frame(self) -> NoiseFrame | None:
        """The next frame if it is complete. Raises `MalformedFrame` or `UnexpectedFrame`; nothing can be read then."""
        buffer = self._buffer
        if len(buffer) < HEADER_LENGTH:
            return None
        length = self._check_header(buffer)
        end = HEADER_LENGTH + length
        if len(buffer) < end:
            return None
        frame = NoiseFrame(self.expected, bytes(buffer[HEADER_LENGTH:end]))
        del buffer[:end]
        return frame

    def _check_header(self, header: bytearray) -> int:
        """The length of the message behind a header that is valid here."""
        version, pattern, type = header[:3]
        length = int.from_bytes(header[3:5], "big")
        if version != VERSION or pattern != PATTERN_XKPSK3:
            raise MalformedFrame(
                "a node speaks another version or pattern of encrypted links than 1", version=version, pattern=pattern
            )
        if type not in (FrameType.HANDSHAKE, FrameType.DATA):
            raise MalformedFrame("a frame of an encrypted link has an unknown type", type=type)
        if type != self.expected:
            raise UnexpectedFrame(type=type)
        if type == FrameType.HANDSHAKE and length > MAX_HANDSHAKE_LENGTH:
            raise MalformedFrame("a message of an encrypted link's handshake is too long", length=length)
        if length < TAG_LENGTH:
            raise MalformedFrame("a frame of an encrypted link is shorter than the proof in it", length=length)
        return length
