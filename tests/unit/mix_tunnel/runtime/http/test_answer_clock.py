"""From when on a server is late: limits to the instant, on a virtual clock and through memory, in both protocols."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from support.byte_pipe import PipeEnd, byte_pipe
from support.http2_peer import Http2Pair, http2_pair
from support.virtual_time import virtual_time

from mix_tunnel.runtime.http.errors import IdleTimedOut, ResponseTimedOut, WriteTimedOut
from mix_tunnel.runtime.http.http1 import HttpConnection
from mix_tunnel.runtime.http.request import HttpRequest, HttpTimeouts, prepare


class Http1Server:
    """Reads, and says what it is told to."""

    def __init__(self, near: PipeEnd, far: PipeEnd) -> None:
        self._connection = HttpConnection(near)
        self._far = far
        self._reading: asyncio.Task[None] | None = None

    def read_all(self) -> None:
        async def read() -> None:
            while await self._far.receive():
                pass

        self._reading = asyncio.create_task(read())

    async def ask(self, body: Any, timeouts: HttpTimeouts) -> Callable[[], Any]:
        """Send a request; gives what reads its answer, once the head is there."""
        request = prepare(HttpRequest("POST", "https://demo.test/", body=body))
        await self._connection.exchange(request, timeouts)
        return self._connection.read

    async def say_head(self) -> None:
        await self._far.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")

    async def say_data(self) -> None:
        await self._far.send(b"piece")

    async def close(self) -> None:
        self._connection.abort()
        if self._reading is not None:
            await asyncio.wait({self._reading})
            self._reading.exception()  # the pipe broke


class Http2Server:
    """The same over HTTP/2; what it reads is read by itself, and `read_all` lets more come."""

    def __init__(self, pair: Http2Pair) -> None:
        self._pair = pair
        self._stream_id = 1
        pair.peer.auto_acknowledge = False

    def read_all(self) -> None:
        self._pair.peer.auto_acknowledge = True

    async def ask(self, body: Any, timeouts: HttpTimeouts) -> Callable[[], Any]:
        return (await self._pair.send("POST", body=body, timeouts=timeouts)).read

    async def say_head(self) -> None:
        await self._pair.peer.head(self._stream_id)

    async def say_data(self) -> None:
        await self._pair.peer.data(self._stream_id, b"piece")


@asynccontextmanager
async def server_of(protocol: str) -> AsyncIterator[Http1Server | Http2Server]:
    if protocol == "http/1.1":
        server = Http1Server(*byte_pipe())
        try:
            yield server
        finally:
            await server.close()
    else:
        async with http2_pair(quiet_s=100_000) as pair:
            yield Http2Server(pair)


both = pytest.mark.parametrize("protocol", ["http/1.1", "h2"])


def now() -> float:
    return asyncio.get_running_loop().time()


async def pieces(*pauses_s: float) -> AsyncIterator[bytes]:
    """A body that takes its time: a piece before each pause, and one after the last."""
    for pause_s in pauses_s:
        yield b"piece"
        await asyncio.sleep(pause_s)
    yield b"last"


@both
@virtual_time
async def test_the_head_is_late_when_its_time_has_passed_since_the_uploads_end(protocol):
    async with server_of(protocol) as server:
        server.read_all()
        began = now()
        with pytest.raises(ResponseTimedOut):
            await server.ask(pieces(30, 30, 10), HttpTimeouts(response_s=50))
        assert now() - began == pytest.approx(70 + 50)


@both
@virtual_time
async def test_a_body_that_pauses_is_not_the_servers_fault(protocol):
    async with server_of(protocol) as server:
        server.read_all()
        asking = asyncio.create_task(server.ask(pieces(1000), HttpTimeouts(response_s=50)))
        await asyncio.sleep(1049)
        assert not asking.done()
        await server.say_head()
        await asking


@both
@virtual_time
async def test_without_a_body_the_time_begins_at_once(protocol):
    async with server_of(protocol) as server:
        began = now()
        with pytest.raises(ResponseTimedOut):
            await server.ask(b"", HttpTimeouts(response_s=50))
        assert now() - began == pytest.approx(50)


@both
@virtual_time
async def test_a_server_that_takes_nothing_more_has_a_limit_by_default(protocol):
    async with server_of(protocol) as server:
        began = now()
        with pytest.raises(WriteTimedOut):
            await server.ask(bytes(1_000_000), HttpTimeouts(response_s=50))
        assert now() - began == pytest.approx(300)


@virtual_time
async def test_a_large_piece_is_taken_bit_by_bit():
    """A limit for the next bit, not for the whole of what the caller happens to give at once."""

    async def large() -> AsyncIterator[bytes]:
        yield bytes(1_000_000)

    near, far = byte_pipe()
    connection = HttpConnection(near)
    request = prepare(HttpRequest("POST", "https://demo.test/", body=large()))
    asking = asyncio.create_task(connection.exchange(request, HttpTimeouts(write_s=10)))
    taken = 0
    while taken < 1_000_000:
        await asyncio.sleep(5)
        taken += len(await far.receive())
        assert not asking.done()
    await far.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert (await asking).status == 200
    connection.abort()


@both
@virtual_time
async def test_a_body_is_idle_when_nothing_has_moved_either_way(protocol):
    async with server_of(protocol) as server:
        server.read_all()
        began = now()
        asking = asyncio.create_task(server.ask(pieces(30, 30, 200), HttpTimeouts(idle_s=50)))
        await asyncio.sleep(5)
        await server.say_head()
        await asyncio.sleep(1)
        await server.say_data()
        read = await asking
        assert await read() == b"piece"
        with pytest.raises(IdleTimedOut):
            await read()
        assert now() - began == pytest.approx(60 + 50)
