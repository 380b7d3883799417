"""HTTP/1.1 connections on which a server says more than it was asked: none of it may answer the next request."""

from __future__ import annotations

import asyncio

import pytest
from support.http_client import loopback_client
from support.http_server import serve_conversations
from support.tls_server import certificate, server_context

from mix_tunnel.runtime.http.errors import MalformedResponse
from mix_tunnel.runtime.http.http1 import CHUNK_BYTES
from mix_tunnel.runtime.http.options import HttpOptions

UNASKED = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"


def answer_of(size: int) -> bytes:
    """An answer of exactly so many bytes, its head included."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 000000\r\n\r\n"
    return head.replace(b"000000", b"%06d" % (size - len(head))) + bytes(size - len(head))


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("size", [100, CHUNK_BYTES, 2 * CHUNK_BYTES])
@pytest.mark.parametrize("waits", [False, True])
async def test_an_answer_that_nobody_asked_for(tls, size, waits):
    """In one piece with the answer, or in a buffer behind it; for one who waits, or who comes later."""

    async def talk(conversation):
        while True:
            received = await conversation.request()
            if received.target == "/first":
                await conversation.send(answer_of(size) + UNASKED)
            else:
                await conversation.respond(body=b"good")

    context = server_context(certificate("demo.test"), alpn=["http/1.1"]) if tls else None
    async with (
        loopback_client(HttpOptions(per_origin=1)) as client,
        serve_conversations(talk, context) as server,
    ):
        server.host = "demo.test"
        assert await client.get(server.url()) == b"good"  # from now on the client knows that it speaks HTTP/1.1
        first = asyncio.create_task(client.get(server.url("/first")))
        if not waits:
            await first
        second = asyncio.create_task(client.get(server.url("/second")))
        assert not any(await first)
        assert await second == b"good"
        assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 101,
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    ],
)
async def test_answers_after_which_nothing_is_certain(answer):
    async def talk(conversation):
        await conversation.request()
        await conversation.send((answer if conversation.number == 1 else answer_of(100)) + UNASKED)

    async with loopback_client() as client, serve_conversations(talk) as server:
        with pytest.raises(MalformedResponse):
            await client.get(server.url())
        assert not any(await client.get(server.url()))
        assert server.connections == 2
