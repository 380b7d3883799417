"""UDP datagrams (RFC 768)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from mix_protocol.netstack.errors import MalformedPacket
from mix_protocol.netstack.wire.checksum import complement, ones_complement_sum, pseudo_header_sum
from mix_protocol.netstack.wire.ip import UDP

HEADER_LENGTH = 8

_HEADER = struct.Struct("!HHHH")


@dataclass(slots=True)
class UdpDatagram:
    """One datagram; the addresses for the checksum's pseudo-header come from the IP packet around it."""

    source_port: int
    destination_port: int
    payload: bytes | memoryview = field(repr=False)

    def encode(self, source: bytes, destination: bytes) -> bytes:
        """The datagram's bytes with the checksum for these packed addresses."""
        length = HEADER_LENGTH + len(self.payload)
        total = pseudo_header_sum(source, destination, UDP) + self.source_port + self.destination_port + 2 * length
        # A computed zero is sent as all ones: zero means that there is no checksum.
        checksum = complement(total + ones_complement_sum(self.payload)) or 0xFFFF
        return b"".join((_HEADER.pack(self.source_port, self.destination_port, length, checksum), self.payload))


def decode_udp(data: bytes | memoryview, source: bytes, destination: bytes) -> UdpDatagram:
    """Parse an IP payload as UDP and verify the checksum, which over IPv4 may be absent. Raises MalformedPacket."""
    if len(data) < HEADER_LENGTH:
        raise MalformedPacket("UDP datagram", "it is shorter than its header")
    source_port, destination_port, length, checksum = _HEADER.unpack_from(data)
    if not HEADER_LENGTH <= length <= len(data):
        raise MalformedPacket("UDP datagram", "its length field is wrong")
    view = memoryview(data)[:length]
    if checksum:
        if (pseudo_header_sum(source, destination, UDP) + length + ones_complement_sum(view)) % 0xFFFF:
            raise MalformedPacket("UDP datagram", "its checksum is wrong")
    elif len(source) == 16:
        raise MalformedPacket("UDP datagram", "over IPv6 it must have a checksum")
    return UdpDatagram(source_port, destination_port, view[HEADER_LENGTH:])
