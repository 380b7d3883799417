"""What can be wrong with an address."""

from mix_protocol.errors import PeerMisbehaved, UsageError


class MalformedNodeAddress(PeerMisbehaved):
    """Bytes that should hold a node's socket address do not."""

    code = "addressing.malformed_node_address"
    message = "a node's address on the wire is neither IPv4 nor IPv6, or too short for its family"


class MalformedRecipient(PeerMisbehaved):
    """Bytes or text from a peer that should hold a client's address do not."""

    code = "addressing.malformed_recipient"
    message = "a client's address must be three keys of 32 bytes: identity.encryption@gateway"


class UnknownKeyRotation(PeerMisbehaved):
    """A key rotation byte other than 0 (unknown), 1 (odd) and 2 (even)."""

    code = "addressing.unknown_key_rotation"
    message = "the key rotation byte must be 0, 1 or 2"


class InvalidNodeAddress(UsageError):
    """A node address that the caller built cannot be written in the space for it."""

    code = "addressing.invalid_node_address"
    message = "a node's address needs a port from 0 to 65535 and enough room for its family"


class InvalidRecipient(UsageError):
    """A client address that the caller built is not made of three 32-byte keys."""

    code = "addressing.invalid_recipient"
    message = "a client's address is made of three keys of 32 bytes each"
