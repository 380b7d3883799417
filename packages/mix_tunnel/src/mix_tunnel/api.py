"""What a tunnel promises to the facades: whoever keeps these protocols can carry `mix_fetch` and its sisters.

In the same process that is `mix_tunnel.tunnel.Tunnel`; on a page it is the worker's tunnel behind RPC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Protocol

from mix_protocol.errors import MixError
from mix_tunnel.default import disconnect_mix_tunnel, get_mix_tunnel, get_tunnel_state, setup_mix_tunnel
from mix_tunnel.options import InvalidOption, TunnelOptions
from mix_tunnel.runtime.dns.names import question_name, reverse_name
from mix_tunnel.runtime.dns.records import RECORD_TYPES, DnsRecord, normal_type
from mix_tunnel.runtime.dns.resolver import DnsAnswer
from mix_tunnel.runtime.http.decoding import decoded, known_codings
from mix_tunnel.runtime.http.errors import BadEncoding, DecompressionBomb, EncodingCut, InvalidFetchOption
from mix_tunnel.runtime.http.request import Body, CredentialsMode, HttpRequest, HttpTimeouts, RedirectMode, prepare
from mix_tunnel.runtime.websocket import Compression, WebSocketConnection, WebSocketOptions, check_websocket_url
from mix_tunnel.runtime.websocket.errors import (
    ConcurrencyError,
    ConnectionClosedError,
    ConnectionClosedOK,
    HandshakeTooLarge,
    InvalidHandshake,
    InvalidHandshakeMessage,
    InvalidHeader,
    InvalidStatus,
    InvalidUpgrade,
    InvalidURI,
    InvalidWebSocketOption,
    NegotiationError,
    OpenTimedOut,
    WebSocketConnectionClosed,
)
from mix_tunnel.state import Phase, TunnelState
from mix_tunnel.streams import ByteStream
from mix_tunnel.tunnel import Tunnel


class StreamedResponse(Protocol):
    """An answer whose body is still arriving."""

    @property
    def status(self) -> int:
        """Status code."""
        ...

    @property
    def reason(self) -> str:
        """Reason phrase; may be empty."""
        ...

    @property
    def http_version(self) -> str:
        """Protocol version, such as "1.1"."""
        ...

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Headers in order, repeated ones apart."""
        ...

    @property
    def url(self) -> str:
        """The URL that answered."""
        ...

    @property
    def redirected(self) -> bool:
        """Whether a redirect led here."""
        ...

    @property
    def switched(self) -> ByteStream | None:
        """The connection's bytes after 101, when the request asked for another protocol."""
        ...

    async def read(self, max_bytes: int = 65_536) -> bytes:
        """Wait for a piece of the body; b"" at its end."""
        ...

    async def aclose(self) -> None:
        """Close, read or not. Idempotent."""
        ...


class Fetcher(Protocol):
    """Sends HTTP requests."""

    @property
    def timeouts(self) -> HttpTimeouts:
        """The limits of a request that states none."""
        ...

    async def fetch(self, request: HttpRequest) -> StreamedResponse:
        """Send a request; return when the answer's head is here. Raises a `MixError`."""
        ...


class CookieStore(Protocol):
    """The cookies that a tunnel keeps."""

    def export(self) -> list[dict[str, Any]]:
        """Every cookie as a JSON object."""
        ...

    def load(self, cookies: Sequence[Mapping[str, Any]]) -> None:
        """Add cookies as `export` gave them. Raises `InvalidCookie`."""
        ...

    def clear(self) -> None:
        """Forget every cookie."""
        ...


class NameResolver(Protocol):
    """Asks DNS servers."""

    async def lookup(
        self, name: str, *, timeout_s: float | None = None, use_cache: bool = True
    ) -> list[IPv4Address | IPv6Address]:
        """IPv4 addresses of a host name, or the IP literal itself. Raises a `MixError`."""
        ...

    async def resolve(
        self, name: str, type: str = "A", *, timeout_s: float | None = None, use_cache: bool = True
    ) -> DnsAnswer:
        """All records of a name and type. Raises a `MixError`."""
        ...

    async def reverse(
        self, address: str | IPv4Address | IPv6Address, *, timeout_s: float | None = None, use_cache: bool = True
    ) -> DnsAnswer:
        """The names (PTR records) of an address. Raises a `MixError`."""
        ...

    def clear_cache(self) -> None:
        """Forget every answer."""
        ...


class TunnelApi(Protocol):
    """A tunnel as the facades see it."""

    @property
    def state(self) -> TunnelState:
        """The present state."""
        ...

    @property
    def http(self) -> Fetcher:
        """HTTP through the tunnel."""
        ...

    @property
    def cookies(self) -> CookieStore:
        """The cookies of HTTP; raises `CookiesDisabled` when the tunnel keeps none."""
        ...

    @property
    def resolver(self) -> NameResolver:
        """DNS through the tunnel."""
        ...

    async def connect_websocket(self, url: str, options: WebSocketOptions | None = None) -> WebSocketConnection:
        """Open a WebSocket. Raises a `MixError`."""
        ...


def find_tunnel(tunnel: TunnelApi | str | None = None) -> TunnelApi:
    """The tunnel that a facade's argument `tunnel` means: itself, the shared one of a name, or the default one.

    Raises `TunnelNotSetUp` when there is none of that name, `InvalidOption` for anything else.
    """
    if tunnel is None:
        return get_mix_tunnel()
    if isinstance(tunnel, str):
        return get_mix_tunnel(tunnel)
    if not hasattr(tunnel, "http"):
        allowed = "a tunnel, or the name of one that is set up"
        raise InvalidOption(f"tunnel must be {allowed}", option="tunnel", allowed=allowed)
    return tunnel


__all__ = [
    "RECORD_TYPES",
    "BadEncoding",
    "Body",
    "ByteStream",
    "Compression",
    "ConcurrencyError",
    "ConnectionClosedError",
    "ConnectionClosedOK",
    "CookieStore",
    "CredentialsMode",
    "DecompressionBomb",
    "DnsAnswer",
    "DnsRecord",
    "EncodingCut",
    "Fetcher",
    "HandshakeTooLarge",
    "HttpRequest",
    "HttpTimeouts",
    "InvalidFetchOption",
    "InvalidHandshake",
    "InvalidHandshakeMessage",
    "InvalidHeader",
    "InvalidStatus",
    "InvalidURI",
    "InvalidUpgrade",
    "InvalidWebSocketOption",
    "MixError",
    "NameResolver",
    "NegotiationError",
    "OpenTimedOut",
    "Phase",
    "RedirectMode",
    "StreamedResponse",
    "Tunnel",
    "TunnelApi",
    "TunnelOptions",
    "TunnelState",
    "WebSocketConnection",
    "WebSocketConnectionClosed",
    "WebSocketOptions",
    "check_websocket_url",
    "decoded",
    "disconnect_mix_tunnel",
    "find_tunnel",
    "get_mix_tunnel",
    "get_tunnel_state",
    "known_codings",
    "normal_type",
    "prepare",
    "question_name",
    "reverse_name",
    "setup_mix_tunnel",
]
