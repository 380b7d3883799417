"""The stream frame that every message between a client and an IP packet router begins with.

Nym spec: Lewes Protocol, frame kind SphinxStream. 16 bytes: kind u16 (little-endian) 3, stream id u64, type u8,
sequence u32 (both big-endian), one reserved byte. The payload is the rest of the message.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from mix_protocol.codec.reader import MalformedMessage, Reader

LP_HEADER_LENGTH = 16
MAX_SEQUENCE = 0xFFFF_FFFF

BALANCED_OPENING = b"balanced-replies/1"
"""What an opening frame holds that asks for balanced replies: each reply SURB comes home at a random time, with an
answer or empty. Only exits that announce it are asked; it may be said as often as one likes."""

_SPHINX_STREAM = (3).to_bytes(2, "little")


class LpFrameType(enum.IntEnum):
    """Whether a frame opens a stream (and brings reply SURBs) or carries data of it."""

    OPEN = 0
    DATA = 1


@dataclass(frozen=True, slots=True)
class LpFrame:
    """One frame of a stream.

    stream_id -- 64 random bits that the client chose
    sequence -- 32 bits; 0 for control messages, and receivers do not rely on it
    """

    stream_id: int
    type: LpFrameType
    sequence: int
    payload: bytes = field(repr=False)

    def encode(self) -> bytes:
        """Give the header and the payload."""
        return b"".join(
            (
                _SPHINX_STREAM,
                self.stream_id.to_bytes(8, "big"),
                bytes((self.type,)),
                self.sequence.to_bytes(4, "big"),
                b"\0",
                self.payload,
            )
        )

    @classmethod
    def decode(cls, message: bytes | memoryview) -> LpFrame:
        """Read a whole message; raises `MalformedMessage` if it is no stream frame. The reserved byte is ignored."""
        reader = Reader(message, "LP frame")
        if reader.take(2) != _SPHINX_STREAM:
            raise MalformedMessage("LP frame", "it is not of the stream kind")
        stream_id = reader.u64()
        kind = reader.u8()
        if kind > LpFrameType.DATA:
            raise MalformedMessage("LP frame", "its type is neither open nor data")
        sequence = reader.u32()
        reader.u8()
        return cls(stream_id, LpFrameType(kind), sequence, reader.rest())


def next_sequence(sequence: int) -> int:
    """The number after `sequence`; 0 is left out on wrapping, since it belongs to control messages."""
    return sequence + 1 if sequence < MAX_SEQUENCE else 1
