"""Content-Encoding: which answers are decoded, at whose pace, and what a hostile server gains."""

from __future__ import annotations

import asyncio
import gzip

import brotli
import pytest
from backports import zstd

from mix_tunnel.runtime.http import decoding
from mix_tunnel.runtime.http.decoding import codings_of, decoded, headers_without_coding
from mix_tunnel.runtime.http.errors import BadEncoding, BodyCut, DecompressionBomb, EncodingCut
from mix_tunnel.runtime.http.wire_response import ResponseHead

PLAIN = b"some text that is repeated, some text that is repeated. " * 10_000


class Pieces:
    """A body of these pieces; counts those that were asked for."""

    def __init__(self, *pieces: bytes, error: Exception | None = None) -> None:
        self._pieces = list(pieces)
        self._error = error
        self.reads = 0

    async def read(self) -> bytes:
        self.reads += 1
        if self._pieces:
            return self._pieces.pop(0)
        if self._error is not None:
            raise self._error
        return b""


async def read_all(body, into: bytearray | None = None) -> bytes:
    data = bytearray() if into is None else into
    while piece := await body.read():
        data += piece
    return bytes(data)


def head(*values: str, status: int = 200) -> ResponseHead:
    return ResponseHead(status, "", "1.1", [("Content-Encoding", value) for value in values])


@pytest.mark.parametrize(
    ("values", "codings"),
    [
        ([], ()),
        (["gzip"], ("gzip",)),
        (["X-GZip"], ("gzip",)),
        (["identity"], ()),
        (["gzip, br"], ("br", "gzip")),
        (["gzip", "br"], ("br", "gzip")),
        ([" gzip ,\tidentity,, zstd "], ("zstd", "gzip")),
        (["compress"], ()),
        (["gzip, rot13"], ()),
        ([""], ()),
    ],
)
def test_what_is_undone_and_in_which_order(values, codings):
    assert codings_of("GET", head(*values)) == codings


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304), ("GET", 206), ("GET", 205)])
def test_answers_without_a_whole_body_are_left_alone(method, status):
    assert codings_of(method, head("gzip", status=status)) == ()


def test_no_honest_server_encodes_so_often():
    with pytest.raises(BadEncoding):
        codings_of("GET", head(", ".join(["gzip"] * 6)))


def test_headers_of_the_coded_body_are_dropped():
    headers = [("content-encoding", "br"), ("Content-Length", "3"), ("Content-Type", "a/b"), ("ETag", '"x"')]
    assert headers_without_coding(headers) == [("Content-Type", "a/b"), ("ETag", '"x"')]


async def test_several_codings():
    data = zstd.compress(brotli.compress(gzip.compress(PLAIN)))
    assert await read_all(decoded(Pieces(data), ("zstd", "br", "gzip"))) == PLAIN


async def test_an_empty_body_is_whole_in_every_coding():
    for coding in ("gzip", "deflate", "br", "zstd"):
        assert await read_all(decoded(Pieces(), (coding,))) == b""


async def test_a_cut_stream_is_an_error_after_what_came_before():
    data = gzip.compress(PLAIN, 0)
    body = decoded(Pieces(data[:200_000]), ("gzip",))
    got = bytearray()
    with pytest.raises(EncodingCut) as caught:
        await read_all(body, got)
    assert caught.value.fields == {"coding": "gzip"}
    assert len(got) > 190_000
    assert PLAIN.startswith(bytes(got))


async def test_what_reading_raises_passes():
    with pytest.raises(BodyCut):
        await read_all(decoded(Pieces(gzip.compress(PLAIN)[:50], error=BodyCut()), ("gzip",)))


async def test_wrong_bytes_are_named_by_their_coding():
    with pytest.raises(BadEncoding) as caught:
        await read_all(decoded(Pieces(b"not at all"), ("br",)))
    assert caught.value.fields == {"coding": "br"}


async def test_nothing_is_asked_for_before_it_is_needed():
    source = Pieces(*[gzip.compress(bytes(1_000_000))] * 3)
    body = decoded(source, ("gzip",))
    for _ in range(10):
        assert await body.read()
    assert source.reads == 1


async def test_others_run_while_a_bomb_is_decoded():
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.create_task(count())
    assert len(await read_all(decoded(Pieces(gzip.compress(bytes(10_000_000))), ("gzip",)))) == 10_000_000
    counting.cancel()
    assert turns > 100


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
async def test_a_bomb_is_refused_once_it_is_large(coding, monkeypatch):
    monkeypatch.setattr(decoding, "MAX_UNQUESTIONED_BYTES", 1_000_000)
    compress = {"gzip": gzip.compress, "br": brotli.compress, "zstd": zstd.compress}[coding]
    body = decoded(Pieces(compress(bytes(5_000_000))), (coding,))
    got = bytearray()
    with pytest.raises(DecompressionBomb):
        await read_all(body, got)
    assert 900_000 <= len(got) <= 1_300_000


async def test_a_bomb_inside_another_is_measured_by_what_crossed_the_network(monkeypatch):
    monkeypatch.setattr(decoding, "MAX_UNQUESTIONED_BYTES", 100_000)
    data = gzip.compress(gzip.compress(bytes(50_000_000)))
    with pytest.raises(DecompressionBomb):
        await read_all(decoded(Pieces(data), ("gzip", "gzip")))


async def test_a_stage_that_gives_nothing_can_not_be_fed_without_end(monkeypatch):
    """A zstd frame to be skipped, as long as its four bytes can say, out of a few bytes of gzip."""
    monkeypatch.setattr(decoding, "MAX_UNQUESTIONED_BYTES", 1_000_000)
    skipped = b"\x50\x2a\x4d\x18\xff\xff\xff\x7f" + bytes(30_000_000)
    with pytest.raises(DecompressionBomb) as caught:
        await read_all(decoded(Pieces(gzip.compress(skipped)), ("gzip", "zstd")))
    assert caught.value.fields == {"coding": "gzip"}


async def test_honest_large_files_pass(monkeypatch):
    monkeypatch.setattr(decoding, "MAX_UNQUESTIONED_BYTES", 10_000)
    lines = b"".join(b"2026-11-21 14:%02d:%02d GET /a/%d 200\n" % (n // 60 % 60, n % 60, n) for n in range(50_000))
    streams = {"gzip": gzip.compress(lines), "br": brotli.compress(lines, quality=5), "zstd": zstd.compress(lines)}
    for coding, data in streams.items():
        assert await read_all(decoded(Pieces(data), (coding,))) == lines
