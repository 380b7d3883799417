"""What can go wrong in HTTP/2 alone; what every version of HTTP shares stands in the folder above."""

from __future__ import annotations

from mix_protocol.errors import NetworkFailure, PeerIncompatible, PeerMisbehaved


class Http2Violated(PeerMisbehaved):
    """The server broke the rules of HTTP/2, on the connection or for one request. `reason` is RFC 9113's name of it."""

    code = "http2.protocol_error"
    message = "the server broke the rules of HTTP/2"


class Http2Flood(Http2Violated):
    """Frames that carry nothing, faster than any honest server sends them."""

    code = "http2.flood"
    message = "the server floods the connection with frames that carry nothing"


class WrongLength(PeerMisbehaved):
    """The body is longer or shorter than its Content-Length (RFC 9113 section 8.1.1)."""

    code = "http2.wrong_length"
    message = "the server's answer has another length than it announced"


class StreamReset(NetworkFailure):
    """The server gave this one exchange up. `reason` is RFC 9113's name of the error."""

    code = "http2.stream_reset"
    message = "the server gave the request up before it had answered in full; try again"


class NotProcessed(NetworkFailure):
    """The server says that it did nothing with the request (REFUSED_STREAM, or GOAWAY before it)."""

    code = "http2.not_processed"
    message = "the server refused the request without looking at it; try again later"


class ConnectionSilent(NetworkFailure):
    """The server no longer answers on this connection, not even a PING."""

    code = "http2.connection_silent"
    message = "the connection to the server is dead; try again"


class Http11Required(PeerIncompatible):
    """The server wants this request over HTTP/1.1, and its body can't be sent again."""

    code = "http2.http11_required"
    message = "the server takes this request by HTTP/1.1 only; send the body as bytes, so that it can be sent again"
