"""Servers that send bit by bit: no time limit is prolonged by bytes that bring nothing."""

from __future__ import annotations

import asyncio

import pytest
from support.http_client import loopback_client
from support.http_server import serve_conversations
from support.waiting import PATIENCE_S

from mix_tunnel.runtime.http.errors import IdleTimedOut, ResponseTimedOut
from mix_tunnel.runtime.http.request import HttpTimeouts

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HEAD_LIMIT = HttpTimeouts(response_s=0.1)
BODY_LIMIT = HttpTimeouts(idle_s=0.1)


@pytest.mark.parametrize(
    ("begin", "drip", "limit", "error"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nA: ", b"a", HEAD_LIMIT, ResponseTimedOut, id="a header"),
        pytest.param(b"HTTP/1.1 200 ", b"O", HEAD_LIMIT, ResponseTimedOut, id="the status line"),
        pytest.param(CHUNKED + b"1;", b"a", BODY_LIMIT, IdleTimedOut, id="a chunk's head"),
        pytest.param(CHUNKED + b"0\r\nA: ", b"a", BODY_LIMIT, IdleTimedOut, id="a trailer"),
    ],
)
async def test_bit_by_bit(begin, drip, limit, error):
    async def talk(conversation):
        await conversation.request()
        await conversation.send(begin)
        while True:
            await conversation.send(drip)
            await asyncio.sleep(0.01)

    async with loopback_client() as client, serve_conversations(talk) as server:
        with pytest.raises(error):
            async with asyncio.timeout(PATIENCE_S):
                await client.get(server.url(), timeouts=limit)
        assert client.client.transport.pool.open == 0


async def test_provisional_answers_do_not_prolong_the_time():
    async def talk(conversation):
        await conversation.request()
        for _ in range(15):
            await conversation.send(b"HTTP/1.1 102 Processing\r\n\r\n")
            await asyncio.sleep(0.02)
        await conversation.respond()

    async with loopback_client() as client, serve_conversations(talk) as server:
        with pytest.raises(ResponseTimedOut):
            await client.get(server.url(), timeouts=HttpTimeouts(response_s=0.1))


async def test_a_body_that_drips_is_a_body():
    async def talk(conversation):
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n")
        for _ in range(20):
            await asyncio.sleep(0.01)
            await conversation.send(b"x")

    async with loopback_client() as client, serve_conversations(talk) as server:
        assert await client.get(server.url(), timeouts=HttpTimeouts(idle_s=PATIENCE_S)) == b"x" * 20
