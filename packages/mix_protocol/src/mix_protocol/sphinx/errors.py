"""What can be wrong with a Sphinx packet, a route or a SURB."""

from mix_protocol.errors import PeerMisbehaved, UsageError


class UnknownPacketSize(PeerMisbehaved):
    """A packet whose length or size tag is none of the network's."""

    code = "sphinx.unknown_packet_size"
    message = "a Sphinx packet's length is not one of the network's packet sizes"


class BadMac(PeerMisbehaved):
    """The header's MAC does not verify with this node's key."""

    code = "sphinx.bad_mac"
    message = "the packet's header is not authentic for this node's key"


class UnknownRoutingFlag(PeerMisbehaved):
    """A routing block that is neither for forwarding nor for delivery."""

    code = "sphinx.unknown_routing_flag"
    message = "the packet's routing block is neither for forwarding nor for delivery"


class BadPayload(PeerMisbehaved):
    """The decrypted payload does not have the form of a padded message."""

    code = "sphinx.bad_payload"
    message = "the packet's payload was altered on its way or was not made for this node"


class MalformedSurb(PeerMisbehaved):
    """Bytes that should hold a single-use reply block do not."""

    code = "sphinx.malformed_surb"
    message = "a reply block's key material has a length that belongs to no number of hops"


class MalformedMixPacket(PeerMisbehaved):
    """A forward request that does not hold a packet type, a first hop and a Sphinx packet."""

    code = "sphinx.malformed_mix_packet"
    message = "a forward request is too short, or its packet type is not a Sphinx packet's"


class InvalidRoute(UsageError):
    """A route, its delays or its destination cannot be written in a header."""

    code = "sphinx.invalid_route"
    message = "a route has one to five hops, one delay for each, and a destination of 32 bytes"


class MessageTooLong(UsageError):
    """A message does not fit in the chosen packet size."""

    code = "sphinx.message_too_long"
    message = "the message does not fit in the packet"
