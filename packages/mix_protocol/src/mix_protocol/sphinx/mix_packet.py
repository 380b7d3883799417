"""The request to forward a packet, as a client hands it to its entry gateway."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.sphinx.errors import MalformedMixPacket
from mix_protocol.sphinx.geometry import PacketSize

SPHINX_PACKET_TYPE: Final = 0
"""The packet type byte of Sphinx packets; 2 (Outfox) is not supported and 1 is no longer in use."""


@dataclass(frozen=True, slots=True)
class MixPacket:
    """A Sphinx packet with where it goes first and which key rotation it was made for."""

    first_hop: NodeAddress
    packet: bytes = field(repr=False)
    key_rotation: KeyRotation
    packet_type: int = SPHINX_PACKET_TYPE

    def encode_v1(self) -> bytes:
        """Give `packet type | first hop | packet`, for gateway protocol versions up to 4."""
        return b"".join((bytes((self.packet_type,)), self.first_hop.encode(), self.packet))

    def encode_v2(self) -> bytes:
        """Give `packet type | key rotation | first hop | packet`, for gateway protocol versions from 5."""
        return b"".join((bytes((self.packet_type, self.key_rotation)), self.first_hop.encode(), self.packet))

    @classmethod
    def decode_v1(cls, data: bytes | memoryview) -> MixPacket:
        """Read what `encode_v1` writes; the key rotation is unknown. Raises kinds of `PeerMisbehaved`."""
        return cls._decode(memoryview(data), KeyRotation.UNKNOWN, 1)

    @classmethod
    def decode_v2(cls, data: bytes | memoryview) -> MixPacket:
        """Read what `encode_v2` writes; raises kinds of `PeerMisbehaved`."""
        data = memoryview(data)
        if len(data) < 2:
            raise MalformedMixPacket()
        return cls._decode(data, KeyRotation.from_byte(data[1]), 2)

    @classmethod
    def _decode(cls, data: memoryview, key_rotation: KeyRotation, address_offset: int) -> MixPacket:
        if not data or data[0] != SPHINX_PACKET_TYPE:
            raise MalformedMixPacket()
        first_hop, consumed = NodeAddress.decode_prefix(data[address_offset:])
        packet = data[address_offset + consumed :]
        PacketSize.from_packet_length(len(packet))
        return cls(first_hop, bytes(packet), key_rotation)
