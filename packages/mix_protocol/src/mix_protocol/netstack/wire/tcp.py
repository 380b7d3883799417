"""TCP segments (RFC 9293 section 3.1) with the options MSS, window scale (RFC 7323) and SACK (RFC 2018)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from mix_protocol.netstack.errors import MalformedPacket
from mix_protocol.netstack.wire.checksum import complement, ones_complement_sum, pseudo_header_sum
from mix_protocol.netstack.wire.ip import TCP

FIN = 0x01
SYN = 0x02
RST = 0x04
PSH = 0x08
ACK = 0x10
URG = 0x20

HEADER_LENGTH = 20
MAX_OPTIONS_LENGTH = 40
# Two NOPs align the SACK option; each block is two 32-bit sequence numbers.
SACK_OPTION_OVERHEAD = 4
SACK_BLOCK_LENGTH = 8
MAX_SACK_BLOCKS = 4
MAX_WINDOW_SCALE = 14

_HEADER = struct.Struct("!HHIIHHHH")
_END, _NOP, _MSS, _WINDOW_SCALE, _SACK_PERMITTED, _SACK = range(6)
_SACK_STRUCTS = [struct.Struct(f"!{2 * count}I") for count in range(MAX_SACK_BLOCKS + 1)]

SackBlock = tuple[int, int]


@dataclass(slots=True)
class TcpSegment:
    """One segment. Sequence numbers are as on the wire, 32 bits; `window` is the field, not yet scaled."""

    source_port: int
    destination_port: int
    sequence: int
    acknowledgment: int
    flags: int
    window: int
    payload: bytes | memoryview = field(default=b"", repr=False)
    mss: int | None = None
    window_scale: int | None = None
    sack_permitted: bool = False
    sack_blocks: tuple[SackBlock, ...] = ()

    def encode(self, source: bytes, destination: bytes) -> bytes:
        """The segment's bytes with the checksum for these packed addresses."""
        return self.encode_with_sum(pseudo_header_sum(source, destination, TCP))

    def encode_with_sum(self, pseudo_sum: int) -> bytes:
        """The segment's bytes; `pseudo_sum` is what `pseudo_header_sum` gives for the flow, computed once."""
        options = self._encode_options() if self.flags & SYN or self.sack_blocks else b""
        header_length = HEADER_LENGTH + len(options)
        offset_flags = header_length << 10 | self.flags
        total = (
            pseudo_sum
            + header_length
            + len(self.payload)
            + self.source_port
            + self.destination_port
            + self.sequence
            + self.acknowledgment
            + offset_flags
            + self.window
            + ones_complement_sum(self.payload)
        )
        if options:
            total += ones_complement_sum(options)
        header = _HEADER.pack(
            self.source_port,
            self.destination_port,
            self.sequence,
            self.acknowledgment,
            offset_flags,
            self.window,
            complement(total),
            0,
        )
        return b"".join((header, options, self.payload))

    def _encode_options(self) -> bytes:
        options = b""
        if self.mss is not None:
            options += struct.pack("!BBH", _MSS, 4, self.mss)
        if self.window_scale is not None:
            options += bytes((_NOP, _WINDOW_SCALE, 3, self.window_scale))
        if self.sack_permitted:
            options += bytes((_NOP, _NOP, _SACK_PERMITTED, 2))
        if self.sack_blocks:
            count = len(self.sack_blocks)
            options += bytes((_NOP, _NOP, _SACK, 2 + SACK_BLOCK_LENGTH * count))
            options += _SACK_STRUCTS[count].pack(*(edge for block in self.sack_blocks for edge in block))
        return options


def decode_tcp(data: bytes | memoryview, source: bytes, destination: bytes) -> TcpSegment:
    """Parse an IP payload as TCP and verify its checksum. Raises MalformedPacket."""
    if len(data) < HEADER_LENGTH:
        raise MalformedPacket("TCP segment", "it is shorter than its header")
    if (pseudo_header_sum(source, destination, TCP) + len(data) + ones_complement_sum(data)) % 0xFFFF:
        raise MalformedPacket("TCP segment", "its checksum is wrong")
    source_port, destination_port, sequence, acknowledgment, offset_flags, window, _, _ = _HEADER.unpack_from(data)
    header_length = offset_flags >> 10 & 0x3C
    if not HEADER_LENGTH <= header_length <= len(data):
        raise MalformedPacket("TCP segment", "its data offset is wrong")
    view = memoryview(data)
    segment = TcpSegment(
        source_port, destination_port, sequence, acknowledgment, offset_flags & 0x3F, window, view[header_length:]
    )
    if header_length > HEADER_LENGTH:
        _decode_options(bytes(view[HEADER_LENGTH:header_length]), segment)
    return segment


def _decode_options(options: bytes, segment: TcpSegment) -> None:
    """Fill in the known options; like every stack, stop quietly where the list is malformed."""
    at = 0
    end = len(options)
    while at < end:
        kind = options[at]
        if kind == _NOP:
            at += 1
            continue
        if kind == _END or at + 1 >= end:
            return
        length = options[at + 1]
        if length < 2 or at + length > end:
            return
        if kind == _SACK:
            count = (length - 2) // SACK_BLOCK_LENGTH
            if count <= MAX_SACK_BLOCKS and length == 2 + SACK_BLOCK_LENGTH * count:
                edges = _SACK_STRUCTS[count].unpack_from(options, at + 2)
                segment.sack_blocks = tuple(zip(edges[::2], edges[1::2], strict=True))
        elif kind == _MSS and length == 4:
            segment.mss = int.from_bytes(options[at + 2 : at + 4], "big")
        elif kind == _WINDOW_SCALE and length == 3:
            segment.window_scale = min(options[at + 2], MAX_WINDOW_SCALE)
        elif kind == _SACK_PERMITTED and length == 2:
            segment.sack_permitted = True
        at += length
