"""WebSocket servers on loopback: the `websockets` library's, and raw ones for what it would never send."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Opcode
from websockets.utils import apply_mask

from support.tls_server import serve as serve_bytes
from support.waiting import PATIENCE_S

Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


async def echo(websocket: ServerConnection) -> None:
    """Send back every message."""
    try:
        async for message in websocket:
            await websocket.send(message)
    except ConnectionClosed:
        pass


@asynccontextmanager
async def serving(
    handler: Callable[[ServerConnection], Awaitable[None]] = echo, context: ssl.SSLContext | None = None, **options: Any
) -> AsyncIterator[int]:
    """Serve WebSockets on a free port of 127.0.0.1 and yield it."""
    patient = {"open_timeout": None, "close_timeout": PATIENCE_S, "ping_interval": None}
    server = await serve(handler, "127.0.0.1", 0, ssl=context, **patient, **options)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close(close_connections=False)
        for connection in tuple(server.connections):
            connection.transport.abort()
        await server.wait_closed()


def accept(request: bytes, *headers: bytes) -> bytes:
    """A right answer to a handshake, with further headers."""
    key = next(line for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:"))
    digest = hashlib.sha1(key.partition(b":")[2].strip() + _GUID).digest()
    lines = [b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade"]
    lines += [b"Sec-WebSocket-Accept: " + base64.b64encode(digest), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


@asynccontextmanager
async def answering(make_answer: Callable[[bytes], bytes], then: Raw | None = None) -> AsyncIterator[int]:
    """Serve raw bytes: what `make_answer` makes of the request's head, and then whatever `then` does."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        writer.write(make_answer(request))
        await writer.drain()
        if then is not None:
            await then(reader, writer)

    async with serve_bytes(handle) as port:
        yield port


def speaking(frames: bytes, *headers: bytes, then: Raw | None = None) -> Any:
    """A server that opens a WebSocket and at once sends these bytes."""
    return answering(lambda request: accept(request, *headers) + frames, then or drain)


async def drain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take what comes until the client closes."""
    while await reader.read(65_536):
        pass


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Opcode and data of the next frame that a client sends; nothing is checked."""
    opcode, length = await reader.readexactly(2)
    length &= 0x7F
    if length > 125:
        length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8))
    mask = await reader.readexactly(4)
    return opcode & 0x0F, apply_mask(await reader.readexactly(length), mask)


async def mirror(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, on_frame: Callable[[int, bytes], None]
) -> None:
    """Accept, and answer each frame by itself: a message is sent back even if the client's close frame is there too.

    The library would have answered the close frame by then, and `echo` could send nothing.
    """
    writer.write(accept(await reader.readuntil(b"\r\n\r\n")))
    opcode = -1
    while opcode != Opcode.CLOSE:
        opcode, data = await read_frame(reader)
        on_frame(opcode, data)
        writer.write(frame(Opcode.PONG if opcode == Opcode.PING else opcode, data))
        await writer.drain()


def frame(opcode: int, data: bytes, *, fin: bool = True, rsv1: bool = False) -> bytes:
    """A frame as a server sends it; nothing is checked."""
    head = bytes([fin << 7 | rsv1 << 6 | opcode])
    if len(data) < 126:
        return head + bytes([len(data)]) + data
    if len(data) < 65_536:
        return head + b"\x7e" + len(data).to_bytes(2, "big") + data
    return head + b"\x7f" + len(data).to_bytes(8, "big") + data


def deflated(data: bytes) -> bytes:
    """The payload of a message that permessage-deflate has compressed."""
    compressor = zlib.compressobj(wbits=-15)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
