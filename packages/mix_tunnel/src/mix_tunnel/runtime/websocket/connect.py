"""Opens a WebSocket through a tunnel."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from ..sockets.dialing import Connection
from ..tls import TlsSettings, start_tls
from .connection import WebSocketConnection
from .errors import InsecureWebSocket, OpenTimedOut
from .handshake import make_protocol, shake_hands
from .link import WebSocketLink
from .options import WebSocketOptions
from .url import WebSocketUrl

if TYPE_CHECKING:
    import ssl

ALPN = ("http/1.1",)
"""WebSocket over HTTP/2 (RFC 8441) is spoken by few; with this the server has no choice."""


class Dialing(Protocol):
    """What opens connections: a tunnel."""

    async def dial(self, host: str, port: int, *, tls: bool = False, alpn: Sequence[str] = ()) -> Connection:
        """Open a TCP or TLS connection to a name or address."""
        ...


class _GivenTrust(TlsSettings):
    """A caller's own TLS context instead of the tunnel's."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__()
        self._context = context

    def context(self, alpn: Sequence[str] = ()) -> ssl.SSLContext:
        return self._context


def check_websocket_url(url: str, *, secure_only: bool = False) -> WebSocketUrl:
    """Parse a URL; raises `InvalidURI`, also for ws: when only wss: is allowed."""
    target = WebSocketUrl.parse(url)
    if secure_only and not target.secure:
        raise InsecureWebSocket
    return target


async def connect_websocket(
    tunnel: Dialing, url: str, options: WebSocketOptions, *, secure_only: bool = False
) -> WebSocketConnection:
    """Open a WebSocket; nothing of it is left when that fails or is cancelled.

    secure_only -- refuse ws: URLs
    Raises `InvalidURI`, `OpenTimedOut`, an `InvalidHandshake`, or what DNS, TCP or TLS raise.
    """
    target = check_websocket_url(url, secure_only=secure_only)
    connection: Connection | None = None
    try:
        async with asyncio.timeout(options.open_timeout_s):
            connection = await _dial(tunnel, target, options)
            protocol = make_protocol(target, options)
            opened = await shake_hands(connection.stream, protocol, target, options)
    except BaseException as error:
        if connection is not None:
            connection.stream.abort()
        if isinstance(error, TimeoutError):
            raise OpenTimedOut from None
        raise
    link = WebSocketLink(connection.stream, protocol, options, opened)
    return WebSocketConnection(
        link,
        opened.request,
        opened.response,
        local=connection.local,
        remote=connection.remote,
        write_limit_bytes=options.write_limit_bytes,
    )


async def _dial(tunnel: Dialing, target: WebSocketUrl, options: WebSocketOptions) -> Connection:
    own_context = options.ssl_context
    if not target.secure or own_context is None:
        return await tunnel.dial(target.host, target.port, tls=target.secure, alpn=ALPN if target.secure else ())
    connection = await tunnel.dial(target.host, target.port)
    tls = await start_tls(connection.stream, _GivenTrust(own_context), target.host)
    return Connection(tls, connection.local, connection.remote, tls)
