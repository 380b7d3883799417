"""The limit on everything together, and that every limit has its own error and stops the server."""

from __future__ import annotations

import asyncio
import gc

import pytest
from support.http_client import loopback_client, read_all
from support.http_server import serve_answers, serve_conversations
from support.waiting import PATIENCE_S, until

from mix_tunnel.runtime.http.errors import IdleTimedOut, ResponseTimedOut, TotalTimedOut
from mix_tunnel.runtime.http.request import HttpTimeouts

SHORT = HttpTimeouts(total_s=0.1)
LONG = HttpTimeouts(total_s=100)
ENOUGH = HttpTimeouts(total_s=2)
"""For a head that comes at once, whatever else the machine does."""


class Stuck:
    """A server that sends what it is given, and then nothing; `reset` is set when its connection breaks."""

    def __init__(self, data: bytes = b"", every: bytes = b"") -> None:
        self._data = data
        self._every = every
        self.reset = asyncio.Event()

    async def __call__(self, conversation) -> None:
        try:
            await conversation.request()
            await conversation.send(self._data)
            while self._every:
                await conversation.send(self._every)
                await asyncio.sleep(0.01)
            await conversation.reader.read(1)
        except OSError:
            pass
        self.reset.set()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"


async def test_no_head_in_time():
    stuck = Stuck()
    async with loopback_client() as client, serve_conversations(stuck) as server:
        with pytest.raises(TotalTimedOut) as caught:
            await client.fetch(server.url(), timeouts=SHORT)
        assert caught.value.fields == {"seconds": 0.1}
        await asyncio.wait_for(stuck.reset.wait(), PATIENCE_S)


async def test_no_connection_in_time():
    async def never(ip, port):
        await asyncio.Event().wait()

    async with loopback_client() as client:
        client.network.connect_tcp = never
        with pytest.raises(TotalTimedOut):
            await client.fetch("http://127.0.0.1:1/", timeouts=SHORT)


async def test_a_body_that_drips_for_ever():
    stuck = Stuck(HEAD, every=b"x")
    async with loopback_client() as client, serve_conversations(stuck) as server:
        response = await client.fetch(server.url(), timeouts=ENOUGH)
        assert await response.read()
        with pytest.raises(TotalTimedOut):
            await read_all(response)
        with pytest.raises(TotalTimedOut):
            await response.read()
        await asyncio.wait_for(stuck.reset.wait(), PATIENCE_S)


async def test_the_server_is_stopped_although_nobody_reads():
    stuck = Stuck(HEAD, every=b"x")
    async with loopback_client() as client, serve_conversations(stuck) as server:
        response = await client.fetch(server.url(), timeouts=ENOUGH)
        await asyncio.wait_for(stuck.reset.wait(), PATIENCE_S)
        with pytest.raises(TotalTimedOut):
            await response.read()


async def test_what_has_arrived_whole_is_never_late():
    async def answer(conversation, received):
        await conversation.respond(body=b"whole")

    async with loopback_client() as client, serve_answers(answer) as server:
        response = await client.fetch(server.url(), timeouts=ENOUGH)
        await until(lambda: client.client.transport.pool.idle == 1)
        await asyncio.sleep(2.1)
        assert await read_all(response) == b"whole"


async def test_redirects_do_not_begin_the_time_anew():
    async def around(conversation, received):
        await asyncio.sleep(0.05)
        await conversation.respond(302, Location="/again")

    async with loopback_client() as client, serve_answers(around) as server:
        with pytest.raises(TotalTimedOut):
            await client.fetch(server.url(), timeouts=HttpTimeouts(total_s=0.3), max_redirects=100)
        assert len(server.requests) < 50


async def test_other_limits_keep_their_errors():
    async with loopback_client() as client:
        async with serve_conversations(Stuck()) as server:
            with pytest.raises(ResponseTimedOut):
                await client.fetch(server.url(), timeouts=HttpTimeouts(response_s=0.1, total_s=100))
        async with serve_conversations(Stuck(HEAD)) as server:
            response = await client.fetch(server.url(), timeouts=HttpTimeouts(idle_s=0.1, total_s=100))
            with pytest.raises(IdleTimedOut):
                await response.read()


async def test_a_callers_own_timeout_is_his():
    async with loopback_client() as client, serve_conversations(Stuck(HEAD)) as server:
        response = await client.fetch(server.url(), timeouts=LONG)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await response.read()


async def test_a_forgotten_response_is_not_kept_by_its_deadline():
    stuck = Stuck(HEAD)
    async with loopback_client() as client, serve_conversations(stuck) as server:
        await client.fetch(server.url(), timeouts=LONG)
        gc.collect()
        await asyncio.wait_for(stuck.reset.wait(), PATIENCE_S)


async def test_closing_ends_the_timer():
    async with loopback_client() as client, serve_conversations(Stuck(HEAD)) as server:
        response = await client.fetch(server.url(), timeouts=LONG)
        await response.aclose()
        response.expire()
        assert client.client.transport.pool.open == 0
