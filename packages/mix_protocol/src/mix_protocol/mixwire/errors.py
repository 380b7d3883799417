"""What can be wrong with a node frame."""

from mix_protocol.errors import PeerMisbehaved


class MalformedFrame(PeerMisbehaved):
    """A frame's header names something that does not exist; the stream can't be followed any further."""

    code = "mixwire.malformed_frame"
    message = "a node sent a frame whose header is not valid"
