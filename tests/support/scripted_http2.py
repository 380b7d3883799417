"""An HTTP/2 server over TLS that speaks by script, step by step."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from support.http2_peer import Http2Peer
from support.kernel import KernelStream
from support.tls_server import certificate, serve, server_context


class AsyncioStream(KernelStream):
    """The server's end of an asyncio connection as a `ByteStream`."""


Talk = Callable[[Http2Peer, int], Awaitable[None]]


@dataclass
class ScriptedServer:
    port: int = 0
    connections: int = 0
    alpn: list[str | None] = field(default_factory=list)

    def url(self, path: str = "/", host: str = "demo.test") -> str:
        return f"https://{host}:{self.port}{path}"


@asynccontextmanager
async def serve_scripted(talk: Talk, **settings: int) -> AsyncIterator[ScriptedServer]:
    """Speak HTTP/2 by script on each connection, and HTTP/1.1 (one answer) where that was agreed on."""
    server = ScriptedServer()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        number = server.connections
        server.alpn.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        if server.alpn[-1] != "h2":
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold")
            await writer.drain()
            await reader.read()
            return
        peer = Http2Peer(AsyncioStream(reader, writer), **settings)
        try:
            await talk(peer, number)
        except EOFError:
            pass
        finally:
            await peer.close()

    context = server_context(certificate("demo.test"), alpn=["h2", "http/1.1"])
    async with serve(handle, context) as port:
        server.port = port
        yield server
