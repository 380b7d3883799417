"""Servers that mean harm: bounded memory, a typed error, and other requests go on."""

from __future__ import annotations

import asyncio
import tracemalloc
import zlib

import brotli
import h11
import pytest
from backports import zstd
from support.http_client import loopback_client
from support.http_server import serve_answers

from mix_protocol.errors import MixError
from mix_tunnel.runtime.http.decoding import MAX_UNQUESTIONED_BYTES
from mix_tunnel.runtime.http.errors import (
    BadEncoding,
    BadRedirect,
    DecompressionBomb,
    HeadTooLarge,
    MalformedResponse,
    TooManyRedirects,
    TotalTimedOut,
)
from mix_tunnel.runtime.http.http1 import CHUNK_BYTES
from mix_tunnel.runtime.http.http1.head import MAX_HEAD_BYTES
from mix_tunnel.runtime.http.http1.reader import ResponseReader
from mix_tunnel.runtime.http.request import HttpTimeouts

BLOCK = bytes(1 << 20)
BOMB_MIB = 100


def gzip_bomb(wbits: int = 31) -> bytes:
    compressor = zlib.compressobj(9, wbits=wbits)
    return b"".join([compressor.compress(BLOCK) for _ in range(BOMB_MIB)]) + compressor.flush()


def brotli_bomb() -> bytes:
    compressor = brotli.Compressor(quality=4, lgwin=24)
    return b"".join([compressor.process(BLOCK) for _ in range(BOMB_MIB)]) + compressor.finish()


def zstd_bomb() -> bytes:
    compressor = zstd.ZstdCompressor()
    return b"".join([compressor.compress(BLOCK) for _ in range(BOMB_MIB)]) + compressor.flush()


BOMBS = {
    "gzip": gzip_bomb,
    "deflate": lambda: gzip_bomb(15),
    "br": brotli_bomb,
    "zstd": zstd_bomb,
    "gzip, gzip": lambda: zlib.compress(gzip_bomb(), wbits=31),
}


async def count(response) -> int:
    total = 0
    while piece := await response.read():
        total += len(piece)
    return total


@pytest.mark.parametrize("coding", BOMBS)
async def test_bombs(coding):
    body = BOMBS[coding]()

    async def answer(conversation, received):
        if received.target == "/bomb":
            await conversation.respond(body=body, Content_Encoding=coding)
        else:
            await conversation.respond(body=b"fine")

    async with loopback_client() as client, serve_answers(answer) as server:
        response = await client.fetch(server.url("/bomb"))
        tracemalloc.start()
        try:
            reading = asyncio.create_task(count(response))
            assert await client.get(server.url()) == b"fine"
            with pytest.raises(DecompressionBomb):
                await reading
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 8_000_000 < MAX_UNQUESTIONED_BYTES
        assert await client.get(server.url()) == b"fine"


async def test_a_bomb_in_a_redirect_is_not_even_decoded():
    body = brotli_bomb()

    async def answer(conversation, received):
        if received.target == "/":
            await conversation.respond(302, body, Location="/there", Content_Encoding="br")
        else:
            await conversation.respond(body=b"there")

    async with loopback_client() as client, serve_answers(answer) as server:
        assert await client.get(server.url()) == b"there"


async def test_encoded_over_and_over():
    async def answer(conversation, received):
        await conversation.respond(body=b"x", Content_Encoding="gzip, " * 100 + "gzip")

    async with loopback_client() as client, serve_answers(answer) as server:
        with pytest.raises(BadEncoding):
            await client.fetch(server.url())


@pytest.mark.parametrize(
    ("location", "requests"),
    [("/", 6), ("?{}", 6), ("/{}/", 6)],
    ids=["to itself", "a new query each time", "a new path each time"],
)
async def test_redirects_without_end(location, requests):
    async def answer(conversation, received):
        await conversation.respond(302, Location=location.format(len(server.requests)))

    async with loopback_client() as client, serve_answers(answer) as server:
        with pytest.raises(TooManyRedirects) as caught:
            await client.fetch(server.url())
        assert caught.value.fields == {"limit": 5}
        assert len(server.requests) == requests


@pytest.mark.parametrize("limit", [0, 1, 20])
async def test_a_requests_own_limit_of_redirects(limit):
    async def answer(conversation, received):
        await conversation.respond(302, Location="/")

    async with loopback_client() as client, serve_answers(answer) as server:
        with pytest.raises(TooManyRedirects) as caught:
            await client.fetch(server.url(), max_redirects=limit)
        assert caught.value.fields == {"limit": limit}
        assert len(server.requests) == limit + 1


async def test_a_ring_of_two_servers():
    async with (
        loopback_client() as client,
        serve_answers(lambda c, r: redirect_to(c, there)) as here,
        serve_answers(lambda c, r: redirect_to(c, here)) as there,
    ):
        with pytest.raises(TooManyRedirects):
            await client.fetch(here.url())
        assert len(here.requests) + len(there.requests) == 6


async def redirect_to(conversation, server):
    await conversation.respond(302, Location=server.url())


@pytest.mark.parametrize(
    "location",
    ["http://user:secret@127.0.0.1/", "javascript:alert(1)", "http://", "http://[::1", "//", "http://a\x01b/"],
)
async def test_redirects_to_what_can_not_be_fetched(location):
    async def answer(conversation, received):
        await conversation.send(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())

    async with loopback_client() as client, serve_answers(answer) as server:
        with pytest.raises((BadRedirect, MalformedResponse)) as caught:
            await client.fetch(server.url())
        assert "secret" not in str(caught.value)


async def test_redirects_to_two_places():
    async def answer(conversation, received):
        await conversation.send(b"HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n")

    async with loopback_client() as client, serve_answers(answer) as server:
        with pytest.raises(BadRedirect):
            await client.fetch(server.url())


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: -1\r\n\r\nabc",
        b"Content-Length: 3, 4\r\n\r\nabc",
        b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"Content-Length: 0x3\r\n\r\nabc",
        b"Content-Length: " + b"9" * 30 + b"\r\n\r\nabc",
        b"Transfer-Encoding: gzip\r\n\r\nabc",
        b"Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 30 + b"\r\nabc",
        # Beyond the limit however it is cut: what has arrived whole with one read is never too large.
        b"Transfer-Encoding: chunked\r\n\r\n3;" + b"x" * (MAX_HEAD_BYTES + CHUNK_BYTES) + b"\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
    ],
    ids=lambda framing: repr(framing[:50]),
)
async def test_framing_that_can_not_be_right(framing):
    async def answer(conversation, received):
        if received.target == "/fine":
            await conversation.respond(body=b"fine")
            return
        await conversation.send(b"HTTP/1.1 200 OK\r\n" + framing)
        conversation.writer.close()

    async with loopback_client() as client, serve_answers(answer) as server:
        with pytest.raises(MixError) as caught:
            await client.get(server.url())
        assert caught.value.code.startswith("http.")
        assert await client.get(server.url("/fine")) == b"fine"


async def test_headers_without_end():
    async def answer(conversation, received):
        await conversation.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            await conversation.send(b"Set-Cookie: a=b\r\n" * 1_000)

    async def guarded(conversation, received):
        try:
            await answer(conversation, received)
        except OSError:
            conversation.writer.close()

    async with loopback_client() as client, serve_answers(guarded) as server:
        with pytest.raises(HeadTooLarge):
            await client.fetch(server.url())


async def test_a_compressed_stream_that_never_gives_anything_ends_by_the_deadline():
    """Bytes after the end of a gzip stream are ignored, but not for ever."""

    async def answer(conversation, received):
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + zlib.compress(b"x", wbits=31))
        try:
            while True:
                await conversation.send(bytes(1_000))
                await asyncio.sleep(0.001)
        except OSError:
            conversation.writer.close()

    async with loopback_client() as client, serve_answers(answer) as server:
        response = await client.fetch(server.url(), timeouts=HttpTimeouts(total_s=2))
        assert await response.read() == b"x"
        with pytest.raises(TotalTimedOut):
            await response.read()


@pytest.mark.expects_crashes
async def test_a_bug_of_ours_ends_one_request_with_a_typed_error(monkeypatch, caplog):
    async def answer(conversation, received):
        await conversation.respond(body=b"fine")

    def broken(*_: object) -> None:
        raise ZeroDivisionError("10.0.0.1")

    async with loopback_client() as client, serve_answers(answer) as server:
        for step in (ResponseReader, "feed"), (h11.Connection, "next_event"):
            with monkeypatch.context() as patched:
                patched.setattr(*step, broken)
                with pytest.raises(MalformedResponse):
                    await client.fetch(server.url())
            assert await client.get(server.url()) == b"fine"
    assert "10.0.0.1" not in caplog.text
