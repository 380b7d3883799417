"""Encoded answers of real servers: decoded as they stream, at the reader's pace."""

from __future__ import annotations

import gzip
import hashlib
import zlib

import brotli
import pytest
from backports import zstd
from support.http_client import loopback_client, read_all
from support.http_server import serve_answers
from support.waiting import until

from mix_tunnel.runtime.http.errors import BadEncoding, BodyCut, EncodingCut, ResponseClosed

PLAIN = b"".join(hashlib.sha256(bytes([n & 255, n >> 8])).hexdigest().encode() for n in range(5_000))
ENCODED = {
    "gzip": gzip.compress(PLAIN),
    "deflate": zlib.compress(PLAIN),
    "br": brotli.compress(PLAIN, quality=5),
    "zstd": zstd.compress(PLAIN),
    "gzip, br": brotli.compress(gzip.compress(PLAIN), quality=1),
}


async def answer(conversation, received):
    """Answers /CODING, with the request's Accept-Encoding in a header."""
    coding = received.target[1:].replace("+", ", ")
    accept = received.headers.get("accept-encoding", "")
    await conversation.respond(
        body=ENCODED[coding], Content_Encoding=coding, X_Accept=accept, Content_Type="text/plain"
    )


@pytest.mark.parametrize("coding", ENCODED)
async def test_decoded_as_it_streams(coding):
    async with loopback_client() as client, serve_answers(answer) as server:
        for _ in range(2):
            response = await client.fetch(server.url("/" + coding.replace(", ", "+")))
            assert response.header("x-accept") == "gzip, deflate, br, zstd"
            assert response.header("content-encoding") is None
            assert response.content_length is None
            assert response.header("content-type") == "text/plain"
            assert await read_all(response) == PLAIN
        assert server.connections == 1


async def test_as_on_the_wire_when_that_was_asked_for():
    async with loopback_client() as client, serve_answers(answer) as server:
        response = await client.fetch(server.url("/gzip"), decode=False)
        assert response.header("x-accept") == "identity"
        assert response.header("content-encoding") == "gzip"
        assert response.content_length == len(ENCODED["gzip"])
        assert await read_all(response) == ENCODED["gzip"]


async def test_the_callers_accept_encoding_wins_and_the_answer_is_decoded_all_the_same():
    async with loopback_client() as client, serve_answers(answer) as server:
        response = await client.fetch(server.url("/br"), headers=[("accept-encoding", "br;q=1")])
        assert response.header("x-accept") == "br;q=1"
        assert await read_all(response) == PLAIN


async def test_a_head_keeps_its_headers():
    async def head(conversation, received):
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 77\r\n\r\n")

    async with loopback_client() as client, serve_answers(head) as server:
        response = await client.fetch(server.url(), method="HEAD")
        assert (response.header("content-encoding"), response.content_length) == ("gzip", 77)
        assert await read_all(response) == b""


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_answers_without_a_body_keep_their_headers(status):
    async def empty(conversation, received):
        await conversation.send(b"HTTP/1.1 " + status + b"\r\nContent-Encoding: gzip\r\n\r\n")

    async with loopback_client() as client, serve_answers(empty) as server:
        response = await client.fetch(server.url())
        assert response.header("content-encoding") == "gzip"
        assert await read_all(response) == b""


async def test_a_part_of_an_encoded_body_is_left_as_it_is():
    async def part(conversation, received):
        assert received.headers["accept-encoding"] == "identity"
        await conversation.respond(206, ENCODED["gzip"][10:20], Content_Encoding="gzip", Content_Range="bytes 10-19/*")

    async with loopback_client() as client, serve_answers(part) as server:
        response = await client.fetch(server.url(), headers=[("Range", "bytes=10-19")])
        assert (response.status, response.header("content-encoding")) == (206, "gzip")
        assert await read_all(response) == ENCODED["gzip"][10:20]


async def test_an_unknown_coding_passes_with_its_header():
    async def odd(conversation, received):
        await conversation.respond(body=b"odd", Content_Encoding="gzip, rot13")

    async with loopback_client() as client, serve_answers(odd) as server:
        response = await client.fetch(server.url())
        assert (response.header("content-encoding"), response.content_length) == ("gzip, rot13", 3)
        assert await read_all(response) == b"odd"


@pytest.mark.parametrize(
    ("body", "error"),
    [(b"not gzip", BadEncoding), (ENCODED["gzip"][:-9], EncodingCut)],
    ids=["of another format", "cut"],
)
async def test_bodies_that_lie(body, error):
    async def lie(conversation, received):
        await conversation.respond(body=body, Content_Encoding="gzip")

    async with loopback_client() as client, serve_answers(lie) as server:
        response = await client.fetch(server.url())
        with pytest.raises(error):
            await read_all(response)
        with pytest.raises(error):  # and again, to whoever asks
            await response.read()
        assert await client.fetch(server.url())  # other requests go on


async def test_a_connection_that_breaks_is_told_as_such():
    async def cut(conversation, received):
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(ENCODED['gzip'])}\r\n\r\n"
        await conversation.send(head.encode() + ENCODED["gzip"][:1_000])
        conversation.writer.close()

    async with loopback_client() as client, serve_answers(cut) as server:
        response = await client.fetch(server.url())
        with pytest.raises(BodyCut):
            await read_all(response)


async def test_a_slow_reader_stops_the_server():
    """A body of 40 MB, more than all buffers hold, is not sent while nobody reads."""
    block = gzip.compress(hashlib.shake_256(b"noise").digest(4_000_000), 1)
    done = []

    async def much(conversation, received):
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n")
        for _ in range(10):
            await conversation.send(block)
        done.append(True)
        conversation.writer.close()

    async with loopback_client() as client, serve_answers(much) as server:
        response = await client.fetch(server.url())
        assert len(await response.read(1_000)) == 1_000
        assert not done
        assert len(await read_all(response)) == 40_000_000 - 1_000
        await until(lambda: done)


async def test_closing_stops_everything():
    async with loopback_client() as client, serve_answers(answer) as server:
        response = await client.fetch(server.url("/gzip"))
        await response.read(10)
        await response.aclose()
        with pytest.raises(ResponseClosed):
            await response.read()
