"""Opens a WebSocket through a tunnel."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from ...streams import ByteStream
from .connection import WebSocketConnection
from .errors import OpenTimedOut
from .handshake import make_protocol, shake_hands
from .link import WebSocketLink
from .options import WebSocketOptions
from .url import WebSocketUrl

ALPN = ("http/1.1",)
"""WebSocket over HTTP/2 (RFC 8441) is spoken by few; with this the server has no choice."""


class Connector(Protocol):
    """What opens streams: a tunnel."""

    async def connect_tcp(self, host: str, port: int) -> ByteStream:
        """Open a TCP connection."""
        ...

    async def connect_tls(self, host: str, port: int, alpn: Sequence[str] = ...) -> ByteStream:
        """Open a TLS connection."""
        ...


async def connect_websocket(
    tunnel: Connector, url: str | WebSocketUrl, options: WebSocketOptions
) -> WebSocketConnection:
    """Open a WebSocket; nothing of it is left when that fails or is cancelled.

    Raises `InvalidURI`, `OpenTimedOut`, an `InvalidHandshake`, or what DNS, TCP or TLS raise.
    """
    target = WebSocketUrl.parse(url) if isinstance(url, str) else url
    stream: ByteStream | None = None
    try:
        async with asyncio.timeout(options.open_timeout_s):
            if target.secure:
                stream = await tunnel.connect_tls(target.host, target.port, ALPN)
            else:
                stream = await tunnel.connect_tcp(target.host, target.port)
            protocol = make_protocol(target, options)
            opened = await shake_hands(stream, protocol, target, options)
    except BaseException as error:
        if stream is not None:
            stream.abort()
        if isinstance(error, TimeoutError):
            raise OpenTimedOut from None
        raise
    link = WebSocketLink(stream, protocol, options, opened)
    remote = (target.host, target.port)
    return WebSocketConnection(link, opened.request, opened.response, options.write_limit_bytes, remote)
