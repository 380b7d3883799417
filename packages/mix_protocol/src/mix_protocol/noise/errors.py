"""What can go wrong with an encrypted link between nodes.

What does not decrypt is `AuthenticationFailed`, and a key of low order `InvalidPublicKey`, both of the crypto layer.
"""

from mix_protocol.errors import Closed, PeerMisbehaved, UsageError


class MalformedFrame(PeerMisbehaved):
    """A frame's header or length is not one of this protocol; the stream can't be followed any further."""

    code = "noise.malformed_frame"
    message = "a node sent what is no frame of an encrypted link; perhaps it speaks without encryption"


class UnexpectedFrame(PeerMisbehaved):
    """A frame of the handshake after it, data before its end, or another version or pattern than agreed."""

    code = "noise.unexpected_frame"
    message = "a node sent a frame of an encrypted link out of turn"


class LinkNotReady(UsageError):
    """Data can be sealed only once the handshake is over."""

    code = "noise.not_ready"
    message = "the encrypted link has not finished its handshake; wait until it is ready"


class LinkSpent(Closed):
    """This link has failed, or has used up its message counter: no more can be read or written."""

    code = "noise.spent"
    message = "the encrypted link has ended; open a new connection"
