"""Keep-alive against the clock: a byte pipe, and a server of which the test says when it does what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from support.byte_pipe import PipeEnd, byte_pipe
from support.virtual_time import stand_still, virtual_time
from support.websocket_server import accept, frame
from websockets.frames import Opcode
from websockets.utils import apply_mask

from mix_tunnel.runtime.sockets.dialing import Connection
from mix_tunnel.runtime.websocket import WebSocketOptions, connect_websocket
from mix_tunnel.runtime.websocket.connection import WebSocketConnection
from mix_tunnel.runtime.websocket.errors import ConnectionClosedError

INTERVAL_S, TIMEOUT_S = 20.0, 20.0
PIECE = b"\x82\x05piece"


@dataclass
class Pipe:
    """What opens connections, and has but one to give."""

    stream: PipeEnd

    async def dial(self, host: str, port: int, *, tls: bool = False, alpn: tuple[str, ...] = ()) -> Connection:
        return Connection(self.stream, ("10.0.0.2", 1), ("192.0.2.1", port))


@asynccontextmanager
async def opened(capacity: int = 65_536) -> AsyncIterator[tuple[WebSocketConnection, PipeEnd]]:
    """A WebSocket, and the server's end of the pipe below it."""
    ours, theirs = byte_pipe(capacity)
    options = WebSocketOptions(ping_interval_s=INTERVAL_S, ping_timeout_s=TIMEOUT_S, compression=None)
    connecting = asyncio.create_task(connect_websocket(Pipe(ours), "ws://demo.test/", options))
    request = b""
    while not request.endswith(b"\r\n\r\n"):
        request += await theirs.receive()
    await theirs.send(accept(request))
    websocket = await connecting
    try:
        yield websocket, theirs
    finally:
        theirs.abort()
        await websocket.wait_closed()


def pong_for(ping: bytes) -> bytes:
    """The server's answer to a client's (masked) ping frame of four bytes."""
    assert ping[:2] == b"\x89\x84"
    return frame(Opcode.PONG, apply_mask(ping[6:10], ping[2:6]))


@virtual_time
async def test_a_pong_may_queue_behind_data_for_minutes():
    async with opened() as (websocket, server):
        ping = await server.receive()
        for _ in range(20):
            await asyncio.sleep(TIMEOUT_S * 0.9)
            await server.send(PIECE)
            assert await websocket.recv() == b"piece"
        await server.send(pong_for(ping))
        await asyncio.sleep(1)
        assert websocket.latency == pytest.approx(20 * TIMEOUT_S * 0.9)
        await websocket.send("alive")
        assert (await server.receive()).startswith(b"\x81")


@virtual_time
async def test_what_the_server_takes_is_a_sign_of_life_too():
    async with opened(capacity=100_000) as (websocket, server):
        sending = asyncio.create_task(websocket.send(bytes(2_000_000)))
        pieces = 0
        while not sending.done():
            await asyncio.sleep(TIMEOUT_S * 0.9)
            await server.receive(100_000)
            pieces += 1
        await sending
        assert pieces > 10
        assert websocket.close_code is None


@virtual_time
async def test_a_server_that_falls_silent_is_given_up_in_time():
    async with opened() as (websocket, server):
        loop = asyncio.get_running_loop()
        await server.receive()
        await asyncio.sleep(TIMEOUT_S * 0.5)
        await server.send(PIECE)
        assert await websocket.recv() == b"piece"
        heard_at = loop.time()
        with pytest.raises(ConnectionClosedError):
            await websocket.recv()
        assert loop.time() - heard_at == pytest.approx(TIMEOUT_S)
        assert websocket.close_code == 1006


@virtual_time
async def test_a_server_that_says_nothing_at_all_is_given_up_when_the_limit_is_over():
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    async with opened() as (websocket, _):
        with pytest.raises(ConnectionClosedError):
            await websocket.recv()
        assert loop.time() - began_at == pytest.approx(INTERVAL_S + TIMEOUT_S)


@virtual_time
async def test_silence_is_no_sign_while_nobody_reads():
    async with opened() as (websocket, server):
        ping = await server.receive()
        piece = b"\x82\x7f" + (60_000).to_bytes(8, "big") + bytes(60_000)
        sending = asyncio.create_task(server.send(piece * 40 + pong_for(ping)))
        await asyncio.sleep(100 * TIMEOUT_S)
        for _ in range(40):
            assert await websocket.recv() == bytes(60_000)
        await sending
        await asyncio.sleep(1)
        assert websocket.latency == pytest.approx(100 * TIMEOUT_S)


@virtual_time
async def test_a_process_that_stood_still_takes_the_pong_that_came_meanwhile():
    async with opened() as (websocket, server):
        for _ in range(3):
            ping = await server.receive()
            stand_still(10 * TIMEOUT_S)
            await server.send(pong_for(ping))
            await asyncio.sleep(1)
        assert websocket.close_code is None
        await server.receive()
        stand_still(10 * TIMEOUT_S)
        with pytest.raises(ConnectionClosedError):  # silence while it is there does count
            async with asyncio.timeout(TIMEOUT_S + 2):
                await websocket.recv()
