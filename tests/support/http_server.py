"""HTTP spoken byte by byte: a server whose every answer, honest or not, the test writes out."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from support.tls_server import serve


@dataclass
class Received:
    """A request as the server saw it; `connection` counts connections from 1."""

    connection: int
    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""


class Conversation:
    """One connection, from the server's side."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.reader = reader
        self.writer = writer

    async def head(self) -> Received:
        """Read a request's head."""
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ")
        headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        return Received(self.number, method, target, {name.lower(): value for name, value in headers.items()})

    async def body(self, headers: dict[str, str]) -> bytes:
        """Read the body that these headers announce."""
        if "chunked" not in headers.get("transfer-encoding", ""):
            return await self.reader.readexactly(int(headers.get("content-length", "0")))
        data = b""
        while size := int((await self.reader.readline()).strip(), 16):
            data += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readline()
        return data

    async def request(self) -> Received:
        """Read a whole request."""
        received = await self.head()
        received.body = await self.body(received.headers)
        return received

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def respond(self, status: int = 200, body: bytes = b"", **headers: str) -> None:
        """Send a response with a Content-Length."""
        lines = [f"HTTP/1.1 {status} Reason", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)


@dataclass
class HttpServer:
    """A running server: its port, and every request it has read by `request`."""

    port: int = 0
    scheme: str = "http"
    host: str = "127.0.0.1"
    connections: int = 0
    requests: list[Received] = field(default_factory=list)

    def url(self, path: str = "/") -> str:
        return f"{self.scheme}://{self.host}:{self.port}{path}"


@asynccontextmanager
async def serve_conversations(
    talk: Callable[[Conversation], Awaitable[None]],
    context: ssl.SSLContext | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
) -> AsyncIterator[HttpServer]:
    """Serve each connection by `talk`, on a free port unless told otherwise."""
    server = HttpServer(scheme="https" if context else "http", host=host)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        await talk(Conversation(server.connections, reader, writer))

    async with serve(handle, context, host=host, port=port) as server.port:
        yield server


@asynccontextmanager
async def serve_answers(
    answer: Callable[[Conversation, Received], Awaitable[None]], context: ssl.SSLContext | None = None
) -> AsyncIterator[HttpServer]:
    """Serve request after request by `answer`, on connections that are kept alive until it closes them."""

    async def talk(conversation: Conversation) -> None:
        while not conversation.writer.is_closing():
            received = await conversation.request()
            server.requests.append(received)
            await answer(conversation, received)

    async with serve_conversations(talk, context) as server:
        yield server
