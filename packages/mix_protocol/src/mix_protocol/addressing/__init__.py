"""Who and where: socket addresses of nodes, addresses of clients, and the parity of a node's key."""

from mix_protocol.addressing.errors import (
    InvalidNodeAddress,
    InvalidRecipient,
    MalformedNodeAddress,
    MalformedRecipient,
    UnknownKeyRotation,
)
from mix_protocol.addressing.key_rotation import KeyRotation
from mix_protocol.addressing.node_address import NodeAddress
from mix_protocol.addressing.recipient import IDENTITY_LENGTH, Recipient

__all__ = [
    "IDENTITY_LENGTH",
    "InvalidNodeAddress",
    "InvalidRecipient",
    "KeyRotation",
    "MalformedNodeAddress",
    "MalformedRecipient",
    "NodeAddress",
    "Recipient",
    "UnknownKeyRotation",
]
