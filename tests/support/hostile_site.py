"""A web site that misbehaves as its path says, over HTTP/1.1 and HTTP/2; one path behaves."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache

import brotli

from support.http_server import Conversation, Received, serve_answers
from support.tls_server import certificate, serve, server_context

_SETTINGS, _PING = 4, 6
BOMB_BYTES = 100 << 20

CODES = {
    "/endless-headers": "http.head_too_large",
    "/bad-chunk": "http.malformed_response",
    "/two-lengths": "http.malformed_response",
    "/short": "http.body_cut",
    "/nothing": "http.no_response",
    "/bomb": "http.decompression_bomb",
    "/not-gzip": "http.bad_encoding",
    "/cut-gzip": "http.encoding_cut",
    "/loop": "fetch.too_many_redirects",
    "/nowhere": "fetch.bad_redirect",
    "/h2-flood": "http2.flood",
}
"""Each path, and the code of the error that asking for it has to end with."""


@cache
def _bomb() -> bytes:
    return brotli.compress(bytes(BOMB_BYTES), quality=4, lgwin=24)


async def _misbehave(conversation: Conversation, received: Received) -> None:
    match received.target:
        case "/fine":
            await conversation.respond(body=b"fine")
            return
        case "/loop":
            await conversation.respond(302, Location="/loop")
            return
        case "/nowhere":
            await conversation.respond(302, Location="http://")
            return
        case "/bomb":
            await conversation.respond(body=_bomb(), Content_Encoding="br")
            return
        case "/not-gzip":
            await conversation.respond(body=b"this is none", Content_Encoding="gzip")
            return
        case "/cut-gzip":
            await conversation.respond(body=gzip.compress(bytes(1000))[:-9], Content_Encoding="gzip")
            return
        case "/endless-headers":
            await conversation.send(b"HTTP/1.1 200 OK\r\n")
            while True:
                await conversation.send(b"Set-Cookie: a=b\r\n" * 1000)
        case "/bad-chunk":
            await conversation.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n")
        case "/two-lengths":
            await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd")
        case "/short":
            await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc")
    conversation.writer.close()


async def _flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """HTTP/2: settings, and then PING after PING."""
    writer.write(bytes([0, 0, 0, _SETTINGS, 0, 0, 0, 0, 0]))
    while True:
        writer.write((bytes([0, 0, 8, _PING, 0, 0, 0, 0, 0]) + bytes(8)) * 1000)
        await writer.drain()


@dataclass
class HostileSite:
    """A running site."""

    ports: dict[str, int] = field(default_factory=dict)

    def url(self, path: str) -> str:
        """Where to ask for a path."""
        if path == "/h2-flood":
            return f"https://127.0.0.1:{self.ports['https']}/"
        return f"http://127.0.0.1:{self.ports['http']}{path}"


@asynccontextmanager
async def hostile_site() -> AsyncIterator[HostileSite]:
    """Run it until the block ends."""
    _bomb()  # which takes memory to make
    context = server_context(certificate("127.0.0.1"), alpn=["h2"])
    async with serve_answers(_misbehave) as server, serve(_flood, context) as port:
        yield HostileSite({"http": server.port, "https": port})
