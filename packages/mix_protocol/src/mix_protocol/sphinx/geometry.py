"""Every length of a Sphinx packet, derived from a handful of choices so that none is written twice.

Source: Nym spec, Sphinx packet format. Lengths are in bytes.
"""

from __future__ import annotations

import enum
from typing import Final

from mix_protocol.sphinx.errors import UnknownPacketSize
from mix_protocol.topology.route import PADDED_ADDRESS_LENGTH

# The choices.
MAX_HOPS: Final = 5
POINT_LENGTH: Final = 32
STREAM_KEY_LENGTH: Final = 16
MAC_KEY_LENGTH: Final = 16
MAC_LENGTH: Final = 16
REPLAY_TAG_LENGTH: Final = 32
NODE_ADDRESS_LENGTH: Final = PADDED_ADDRESS_LENGTH
DESTINATION_LENGTH: Final = 32
SURB_IDENTIFIER_LENGTH: Final = 16
DELAY_LENGTH: Final = 8
FLAG_LENGTH: Final = 1
VERSION_LENGTH: Final = 3
PAYLOAD_SEED_LENGTH: Final = 16
PAYLOAD_ZEROS_LENGTH: Final = 16
PAYLOAD_MARKER_LENGTH: Final = 1

# LIONESS: a block is a left part and the rest; its four round keys alternate between ChaCha20's and BLAKE2b's.
LIONESS_LEFT_LENGTH: Final = 32
LIONESS_STREAM_KEY_LENGTH: Final = LIONESS_LEFT_LENGTH
LIONESS_HASH_KEY_LENGTH: Final = 64
PAYLOAD_KEY_LENGTH: Final = 2 * (LIONESS_STREAM_KEY_LENGTH + LIONESS_HASH_KEY_LENGTH)

# What a shared secret expands to.
EXPANDED_SECRET_LENGTH: Final = (
    STREAM_KEY_LENGTH + MAC_KEY_LENGTH + PAYLOAD_KEY_LENGTH + POINT_LENGTH + REPLAY_TAG_LENGTH
)

# The header: alpha, the MAC, and the routing information of which every hop takes one step.
META_LENGTH: Final = FLAG_LENGTH + VERSION_LENGTH
FORWARD_META_LENGTH: Final = META_LENGTH + NODE_ADDRESS_LENGTH + DELAY_LENGTH
FINAL_META_LENGTH: Final = META_LENGTH + DESTINATION_LENGTH + SURB_IDENTIFIER_LENGTH
ROUTING_STEP_LENGTH: Final = FORWARD_META_LENGTH + MAC_LENGTH
ROUTING_LENGTH: Final = MAX_HOPS * ROUTING_STEP_LENGTH
ROUTING_STREAM_LENGTH: Final = ROUTING_LENGTH + ROUTING_STEP_LENGTH
ROUTING_OFFSET: Final = POINT_LENGTH + MAC_LENGTH
HEADER_LENGTH: Final = ROUTING_OFFSET + ROUTING_LENGTH

# The payload holds a message between 16 zero bytes and one marker byte.
PAYLOAD_OVERHEAD: Final = PAYLOAD_ZEROS_LENGTH + PAYLOAD_MARKER_LENGTH
PACKET_OVERHEAD: Final = HEADER_LENGTH + PAYLOAD_OVERHEAD

# Ack: the initial vector and the encrypted fragment identifier (Nym spec: acknowledgements).
ACK_IV_LENGTH: Final = 16
FRAGMENT_IDENTIFIER_LENGTH: Final = 5


class PacketSize(enum.Enum):
    """The sizes that packets come in; the value is (tag on the wire, bytes of message a packet carries)."""

    REGULAR = (1, 2048)
    ACK = (2, ACK_IV_LENGTH + FRAGMENT_IDENTIFIER_LENGTH)
    EXTENDED_32 = (3, 32 * 1024)
    EXTENDED_8 = (4, 8 * 1024)
    EXTENDED_16 = (5, 16 * 1024)

    tag: int
    plaintext_length: int
    payload_length: int
    packet_length: int

    def __init__(self, tag: int, plaintext_length: int) -> None:
        self.tag = tag
        self.plaintext_length = plaintext_length
        self.payload_length = plaintext_length + PAYLOAD_OVERHEAD
        self.packet_length = plaintext_length + PACKET_OVERHEAD

    @classmethod
    def from_packet_length(cls, packet_length: int) -> PacketSize:
        """Find the size of a whole packet (header and payload); raises `UnknownPacketSize`."""
        try:
            return _BY_PACKET_LENGTH[packet_length]
        except KeyError:
            raise UnknownPacketSize(length=packet_length) from None

    @classmethod
    def from_tag(cls, tag: int) -> PacketSize:
        """Find the size that a node frame's tag names; raises `UnknownPacketSize`."""
        try:
            return _BY_TAG[tag]
        except KeyError:
            raise UnknownPacketSize("a frame names a packet size that does not exist", tag=tag) from None


_BY_PACKET_LENGTH: Final = {size.packet_length: size for size in PacketSize}
_BY_TAG: Final = {size.tag: size for size in PacketSize}

MAX_PACKET_LENGTH: Final = max(_BY_PACKET_LENGTH)
