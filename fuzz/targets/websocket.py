"""WebSocket as servers speak it: the answer to the handshake, frames, compression, close."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import re
import zlib
from collections.abc import Iterable

from support.byte_pipe import byte_pipe

from fuzz.draws import Draws
from fuzz.registry import target
from fuzz.targets.loops import run_to_end
from mix_protocol.errors import MixError
from mix_tunnel.runtime.websocket import WebSocketOptions
from mix_tunnel.runtime.websocket.handshake import make_protocol, shake_hands
from mix_tunnel.runtime.websocket.link import WebSocketLink
from mix_tunnel.runtime.websocket.url import WebSocketUrl

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY = re.compile(rb"Sec-WebSocket-Key: (\S+)")
OPTIONS = WebSocketOptions(max_message_bytes=1 << 20, ping_interval_s=None, subprotocols=("a", "b"))


def _frame(opcode: int, payload: bytes, *, final: bool = True, compressed: bool = False) -> bytes:
    first = opcode | (0x80 if final else 0) | (0x40 if compressed else 0)
    if len(payload) < 126:
        return bytes([first, len(payload)]) + payload
    return bytes([first, 126]) + len(payload).to_bytes(2, "big") + payload


def _deflated(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\0\0\xff\xff")


def _frames() -> Iterable[bytes]:
    talk = _frame(1, b"hello") + _frame(2, bytes(300)) + _frame(9, b"ping") + _frame(8, b"\x03\xe8bye")
    parts = _frame(1, b"he", final=False) + _frame(9, b"") + _frame(0, b"llo") + _frame(10, b"pong")
    packed = _frame(1, _deflated(b"again " * 500), compressed=True) + _frame(
        2, _deflated(bytes(10_000)), compressed=True
    )
    for extension in (0, 1):
        yield bytes([extension, 7]) + talk
        yield bytes([extension, 1]) + parts
        yield bytes([extension, 7]) + packed
    yield bytes([1, 7]) + _frame(1, "é".encode()[:1], final=False) + _frame(0, "é".encode()[1:])


@target(_frames)
def websocket_frames(data: bytes) -> None:
    """An open WebSocket, with and without compression, whose server says this and ends."""
    draws = Draws(data)
    extension = b"Sec-WebSocket-Extensions: permessage-deflate\r\n" if draws.number() % 2 else b""
    run_to_end(_talk(draws, b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + extension))


def _handshakes() -> Iterable[bytes]:
    yield b"\7HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: a\r\n\r\n"
    yield b"\3HTTP/1.1 103 x\r\n\r\nHTTP/1.1 403 No\r\nContent-Length: 3\r\n\r\nno!"
    yield b"\7HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nno!\r\n0\r\n\r\n"
    yield b'\7HTTP/1.1 101 x\r\nSec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9, x; y="z"\r\n\n'


@target(_handshakes)
def websocket_handshake(data: bytes) -> None:
    """The answer to a handshake."""
    run_to_end(_talk(Draws(data), None))


async def _talk(draws: Draws, head: bytes | None) -> None:
    """Shake hands, read messages until it is over, and answer nothing.

    head -- what the server's answer begins with; None if all of it comes from the input
    """
    near, far = byte_pipe(1 << 20)
    url = WebSocketUrl.parse("wss://demo.test/")

    async def read() -> None:
        with contextlib.suppress(MixError):
            protocol = make_protocol(url, OPTIONS)
            opened = await shake_hands(near, protocol, url, OPTIONS)
            link = WebSocketLink(near, protocol, OPTIONS, opened)
            try:
                while True:
                    await link.check_open()
                    await link.incoming.get()
            finally:
                link.abort()

    reading = asyncio.create_task(read())
    await far.readable()
    request = await far.receive()
    if head is not None:
        key = _KEY.search(request)
        assert key is not None
        accept = base64.b64encode(hashlib.sha1(key[1] + _GUID, usedforsecurity=False).digest())
        await far.send(head + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
    with contextlib.suppress(MixError):
        for piece in draws.pieces():
            await far.send(piece)
            await asyncio.sleep(0)
        await far.send_eof()
    await asyncio.wait_for(reading, 900)
