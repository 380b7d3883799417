"""What can be wrong with what a node tells about itself, or asks of a directory. Shapes: `codec.malformed`."""

from mix_protocol.errors import PeerMisbehaved


class InvalidSignature(PeerMisbehaved):
    """A signed document or request is not signed by the node that it names."""

    code = "node_api.invalid_signature"
    message = "what a node tells is not signed with the identity that it names"


class UnusableAddress(PeerMisbehaved):
    """A node announces an address that nobody else can reach it at."""

    code = "node_api.unusable_address"
    message = "a node announces no address, or one that is unspecified, loopback or multicast"


class StaleRequest(PeerMisbehaved):
    """A signed request is from the future or more than half a minute old."""

    code = "node_api.stale_request"
    message = "the request's time is in the future or too long ago; set the node's clock and ask again"
