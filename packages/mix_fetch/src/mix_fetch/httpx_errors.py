"""The exception of httpx for every error of the tunnel, as `httpx.AsyncHTTPTransport` raises them."""

from __future__ import annotations

import httpx

from mix_protocol.errors import MixError, PeerIncompatible, PeerMisbehaved, UsageError

_BY_CODE: dict[str, type[httpx.TransportError]] = {
    "fetch.unsupported_scheme": httpx.UnsupportedProtocol,
    "dns.timed_out": httpx.ConnectTimeout,
    "tcp.connect_timed_out": httpx.ConnectTimeout,
    "http.connect_timed_out": httpx.ConnectTimeout,
    "http.write_timed_out": httpx.WriteTimeout,
    "http.pool_timed_out": httpx.PoolTimeout,
}
_ON_THE_WAY = ("dns", "tcp", "ip", "tls", "tunnel", "gateway", "ipr")
"""Layers whose failure means, until the answer has begun, that there is no connection."""


def translate(error: MixError, request: httpx.Request, *, begun: bool) -> httpx.TransportError:
    """The exception to raise in an error's place.

    begun -- whether the answer's head is here already, so that the failure is one of reading
    """
    return _class_of(error, begun=begun)(str(error), request=request)


def _class_of(error: MixError, *, begun: bool) -> type[httpx.TransportError]:
    layer = error.code.partition(".")[0]
    if error.code in _BY_CODE:
        return _BY_CODE[error.code]
    if error.code in ("http.no_response", "http.body_cut"):
        # A connection that broke is one thing, a server that hung up too early another.
        return httpx.ReadError if error.fields.get("cause") else httpx.RemoteProtocolError
    if not begun and layer in _ON_THE_WAY:
        return httpx.ConnectError
    if error.code.endswith("timed_out"):
        return httpx.ReadTimeout
    if isinstance(error, UsageError):
        return httpx.LocalProtocolError
    if isinstance(error, PeerMisbehaved | PeerIncompatible):
        return httpx.RemoteProtocolError
    return httpx.ReadError
