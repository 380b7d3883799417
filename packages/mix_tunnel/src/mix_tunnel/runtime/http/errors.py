"""What can go wrong in a fetch. `fetch.*` speaks of the request, `http.*` of the conversation with the server."""

from __future__ import annotations

from typing import Self

from mix_protocol.errors import Closed, NetworkFailure, PeerMisbehaved, UsageError


class BadUrl(UsageError):
    """The URL can't be fetched as it stands."""

    code = "fetch.bad_url"
    message = "this is not a valid URL; it should look like https://example.org/path"


class UnsupportedScheme(BadUrl):
    """Another scheme than http and https."""

    code = "fetch.unsupported_scheme"
    message = "only http:// and https:// URLs can be fetched"


class UrlHasCredentials(BadUrl):
    """User name or password inside the URL."""

    code = "fetch.url_has_credentials"
    message = "the URL holds a user name or password; leave them out and send an Authorization header instead"


class BadMethod(UsageError):
    """The method is no token, or one that no client may send."""

    code = "fetch.bad_method"
    message = "this is not a method that can be sent; use GET, POST, PUT or another word of letters"


class BadHeader(UsageError):
    """A header's name or value has characters that HTTP forbids."""

    code = "fetch.bad_header"
    message = "a header has characters that HTTP does not allow; line breaks are never allowed"


class ForbiddenHeader(UsageError):
    """A header that describes the connection or the framing, which are ours to manage."""

    code = "fetch.forbidden_header"
    message = "this header describes the connection itself and can't be set; leave it out"


class BadBody(UsageError):
    """The body has a type that can't be sent, or another length than its Content-Length says."""

    code = "fetch.bad_body"
    message = "the body must be bytes or an asynchronous iterable of bytes"


class InvalidFetchOption(UsageError):
    """An option of a request has a wrong type or is out of its range."""

    code = "fetch.invalid_option"
    message = "an option of the request is not valid"

    @classmethod
    def of(cls, option: str, allowed: str) -> Self:
        """The error for an option, with what is allowed."""
        return cls(f"{{{option}}} must be {allowed}", option=option, allowed=allowed)


class BodyNotReplayable(NetworkFailure):
    """A redirect asks for the body once more, but it was streamed and is gone."""

    code = "fetch.body_not_replayable"
    retryable = False
    message = "the server redirects and wants the streamed body again; send bytes, or use the final URL"


class TooManyRedirects(PeerMisbehaved):
    """More redirects than allowed, perhaps in a circle."""

    code = "fetch.too_many_redirects"
    message = "the server redirects too often, perhaps in a circle"


class RedirectRefused(NetworkFailure):
    """The server redirects, and the caller asked for an error then."""

    code = "fetch.redirect_refused"
    retryable = False
    message = "the server redirects, and this request allows no redirect"


class InsecureRedirect(RedirectRefused):
    """The server redirects to plain http, and the tunnel has `https_only`."""

    code = "fetch.insecure_redirect"
    message = "the server redirects to plain http, which the option {https_only} refuses"


class BadRedirect(PeerMisbehaved):
    """The server redirects to something that can't be fetched."""

    code = "fetch.bad_redirect"
    message = "the server redirects to a URL that can't be fetched"


class HttpConnectTimedOut(NetworkFailure):
    """No connection within the time limit, TLS included."""

    code = "http.connect_timed_out"
    message = "no connection to the server came up in time; try again later"


class PoolTimedOut(NetworkFailure):
    """Too many requests are under way, and none of them made room within the time limit."""

    code = "http.pool_timed_out"
    message = "other requests took every connection for too long; send fewer at the same time, or wait longer"


class WriteTimedOut(NetworkFailure):
    """The server took no more of the request's body within the time limit."""

    code = "http.write_timed_out"
    message = "the server stopped taking the request's body; try again later"


class NoResponse(NetworkFailure):
    """The connection ended before the first byte of a response."""

    code = "http.no_response"
    message = "the server closed the connection before it had answered; try again"


class ResponseTimedOut(NetworkFailure):
    """The request is out, and no response head came within the time limit."""

    code = "http.response_timed_out"
    message = "the server did not answer in time; try again later"


class IdleTimedOut(NetworkFailure):
    """In the middle of a body nothing arrived for longer than the time limit."""

    code = "http.idle_timed_out"
    message = "the server stopped sending in the middle of its answer; try again later"


class BodyCut(NetworkFailure):
    """The connection ended in the middle of the body; what has been read is not all of it."""

    code = "http.body_cut"
    message = "the connection ended before the whole answer had arrived; try again"


class MalformedResponse(PeerMisbehaved):
    """What the server sent is not HTTP/1.1."""

    code = "http.malformed_response"
    message = "the server's answer is not valid HTTP"


class HeadTooLarge(PeerMisbehaved):
    """The response's head is beyond every sensible size."""

    code = "http.head_too_large"
    message = "the server's headers are larger than any honest server sends"


class TotalTimedOut(NetworkFailure):
    """The whole exchange, redirects and body included, took longer than its time limit."""

    code = "http.total_timed_out"
    message = "the whole answer did not arrive in time; try again later, or allow more time"


class BadEncoding(PeerMisbehaved):
    """The body is not what its Content-Encoding says."""

    code = "http.bad_encoding"
    message = "the server's answer can't be decoded: it is not compressed as its headers say"


class EncodingCut(PeerMisbehaved):
    """The body ended in order, but the compressed stream in it did not; what has been read is not all of it."""

    code = "http.encoding_cut"
    message = "the server's compressed answer ends in the middle"


class DecompressionBomb(PeerMisbehaved):
    """The body grows out of all proportion when it is decoded."""

    code = "http.decompression_bomb"
    message = "the server's answer grows out of all proportion when it is decoded; fetch it undecoded if that is meant"


class BadIntegrity(PeerMisbehaved):
    """The body is not the one that the request's `integrity` names."""

    code = "fetch.bad_integrity"
    message = "the answer is not what the request's integrity says; nothing of it was used"


class IntegrityTooLarge(PeerMisbehaved):
    """The body is larger than what is kept in memory to be checked."""

    code = "fetch.integrity_too_large"
    message = "the answer is too large to be checked against the request's integrity before it is used"


class PlainHttpRefused(UsageError):
    """A plain http URL, and the tunnel has `https_only`."""

    code = "fetch.https_only"
    message = "plain http is refused by the option {https_only}; use an https:// URL"


class ResponseClosed(Closed):
    """The response was closed before its body had been read."""

    code = "http.response_closed"
    message = "the response has been closed; read the body before that"


class ClientClosed(Closed):
    """The HTTP client is closed, because its tunnel is."""

    code = "http.client_closed"
    message = "the tunnel has been closed; set it up again"
