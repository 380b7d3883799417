"""Node frames: `version | size tag | packet type | key rotation | packet`, back to back on a byte stream.

Source: Nym spec, node-to-node framing. Version 7 has no key rotation byte, version 8 has it; we send 8 and accept
both. There is no length field: the size tag gives it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from mix_protocol.addressing import KeyRotation
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.mixwire.errors import MalformedFrame
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.mix_packet import SPHINX_PACKET_TYPE

VERSION_WITHOUT_ROTATION: Final = 7
VERSION_WITH_ROTATION: Final = 8

_HEADER_LENGTHS: Final = {VERSION_WITHOUT_ROTATION: 3, VERSION_WITH_ROTATION: 4}


class NodeFrame(NamedTuple):
    """A Sphinx packet as one node hands it to the next."""

    packet: bytes
    key_rotation: KeyRotation
    packet_type: int = SPHINX_PACKET_TYPE

    def __repr__(self) -> str:
        return f"NodeFrame(key_rotation={self.key_rotation!r}, packet_type={self.packet_type!r})"


_KNOWN_HEADERS: Final = {
    bytes((VERSION_WITH_ROTATION, size.tag, SPHINX_PACKET_TYPE, rotation)): (4 + size.packet_length, rotation)
    for size in PacketSize
    for rotation in KeyRotation
}
"""Each header that a node of our version writes, with the length of its frame."""


def encode_frame(packet: bytes, key_rotation: KeyRotation, version: int = VERSION_WITH_ROTATION) -> bytes:
    """Frame a packet of one of the network's sizes; version 7 leaves the key rotation out."""
    tag = PacketSize.from_packet_length(len(packet)).tag
    header = bytes((version, tag, SPHINX_PACKET_TYPE, key_rotation))
    return header[: _HEADER_LENGTHS[version]] + packet


class FrameDecoder:
    """Cuts a stream from another node into frames; between calls it holds less than one frame."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._failed = False

    def feed(self, data: bytes | memoryview) -> list[NodeFrame]:
        """Take bytes in, however they were split, and give the frames that are complete.

        Raises kinds of `PeerMisbehaved` when a frame's header is not valid. Nothing can be read after it, so the
        connection must be closed: frames that preceded it in the same call are lost, and every later call raises.
        """
        if self._failed:
            raise MalformedFrame()
        buffer = self._buffer
        try:
            if not buffer:
                # Most often a read begins where a frame does: then nothing but what is left over is copied twice.
                with memoryview(data) as view:
                    frames, consumed = _decode_frames(view)
                    buffer += view[consumed:]
                return frames
            buffer += data
            with memoryview(buffer) as view:
                frames, consumed = _decode_frames(view)
        except PeerMisbehaved:
            self._failed = True
            buffer.clear()
            raise
        del buffer[:consumed]
        return frames


def _decode_frames(data: memoryview) -> tuple[list[NodeFrame], int]:
    """Give the complete frames at the start of `data` and how many bytes they took."""
    frames: list[NodeFrame] = []
    at = 0
    while at < len(data):
        known = _KNOWN_HEADERS.get(bytes(data[at : at + 4]))
        if known is not None:
            length, rotation = known
            if len(data) < at + length:
                break
            frames.append(NodeFrame(bytes(data[at + 4 : at + length]), rotation))
            at += length
            continue
        header_length = _HEADER_LENGTHS.get(data[at])
        if header_length is None:
            raise MalformedFrame("a node speaks a frame version other than 7 and 8", version=data[at])
        start = at + header_length
        if len(data) < start:
            break
        size = PacketSize.from_tag(data[at + 1])
        if data[at + 2] != SPHINX_PACKET_TYPE:
            raise MalformedFrame("a node sent a frame that holds no Sphinx packet", packet_type=data[at + 2])
        rotation = KeyRotation.UNKNOWN if header_length == 3 else KeyRotation.from_byte(data[at + 3])
        end = start + size.packet_length
        if len(data) < end:
            break
        frames.append(NodeFrame(bytes(data[start:end]), rotation))
        at = end
    return frames, at
