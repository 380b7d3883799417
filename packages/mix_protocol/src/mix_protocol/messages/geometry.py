"""The lengths of a message's layers, derived from those of the Sphinx packets that carry them.

A packet's final plaintext is `SURB-ack || pushed payload`; the gateway keeps the first and pushes the second to its
client. The pushed payload is `ephemeral key or SURB key digest || encrypted fragment`.
"""

from __future__ import annotations

from mix_protocol.addressing.node_address import MAX_ENCODED_LENGTH
from mix_protocol.addressing.recipient import IDENTITY_LENGTH
from mix_protocol.sphinx.geometry import PacketSize

AES_KEY_LENGTH = 16
AES_IV_LENGTH = 16
CURVE_KEY_LENGTH = 32
BLAKE3_DIGEST_LENGTH = 32
SENDER_TAG_LENGTH = 16

SURB_ACK_LENGTH = MAX_ENCODED_LENGTH + PacketSize.ACK.packet_length
"""First hop, padded to its longest form, and an ack packet: 405 bytes."""

KEY_PREFIX_LENGTH = CURVE_KEY_LENGTH
"""What stands before an encrypted fragment; an ephemeral key and a SURB key digest are equally long."""

RECIPIENT_LENGTH = 3 * IDENTITY_LENGTH

DATA_SIZES = tuple(size for size in PacketSize if size is not PacketSize.ACK)
"""The packet sizes that carry fragments."""


def pushed_length(size: PacketSize) -> int:
    """How many bytes of a packet of this size a gateway pushes to its client: 1643 for a regular one."""
    return size.plaintext_length - SURB_ACK_LENGTH


def fragment_length(size: PacketSize) -> int:
    """How long a fragment, header included, is in a packet of this size: 1611 bytes for a regular one."""
    return pushed_length(size) - KEY_PREFIX_LENGTH


SIZE_OF_FRAGMENT = {fragment_length(size): size for size in DATA_SIZES}
"""The packet size that a fragment of some length fills exactly."""

PUSHED_LENGTHS = frozenset(map(pushed_length, DATA_SIZES))
"""The lengths of all payloads, other than acknowledgements, that a gateway may push."""
