"""Answers of programs that nobody has to trust: read as they are, and no further than wanted."""

from __future__ import annotations

import gzip
import tracemalloc

import brotli
import httpx
import pytest

from mix_network.http.asking import make_client, read_plain
from mix_protocol.errors import PeerMisbehaved


class Pieces(httpx.AsyncByteStream):
    def __init__(self, *pieces):
        self._pieces = pieces

    async def __aiter__(self):
        for piece in self._pieces:
            yield piece


async def ask(*pieces, **headers):
    """What a server is asked with, and what is made of its answer, of 1000 bytes at most."""
    asked = []

    def answer(request):
        asked.append(request)
        return httpx.Response(
            200, headers={name.replace("_", "-"): value for name, value in headers.items()}, stream=stream
        )

    stream = Pieces(*pieces)
    async with (
        make_client(1.0, httpx.MockTransport(answer)) as client,
        client.stream("GET", "http://node/") as response,
    ):
        body = await read_plain(response, 1000)
    assert [request.headers["accept-encoding"] for request in asked] == ["identity"]
    return body


@pytest.mark.parametrize("coding", [{}, {"content_encoding": "identity"}, {"content_encoding": ""}])
async def test_plain_bytes(coding):
    assert await ask(b"a" * 600, b"b" * 400, **coding) == b"a" * 600 + b"b" * 400


async def test_more_than_wanted():
    with pytest.raises(PeerMisbehaved):
        await ask(b"a" * 600, b"b" * 401)


@pytest.mark.parametrize(
    ("coding", "bomb"),
    [
        ("br", brotli.compress(bytes(1 << 24), quality=1)),
        ("gzip", gzip.compress(bytes(1 << 24))),
        ("gzip, gzip", gzip.compress(gzip.compress(bytes(1 << 24)))),
    ],
    ids=["br", "gzip", "gzip twice"],
)
async def test_nothing_is_unpacked(coding, bomb):
    tracemalloc.start()
    try:
        with pytest.raises(PeerMisbehaved, match="encoded"):
            await ask(bomb, content_encoding=coding)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
