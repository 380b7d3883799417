"""HTTP as servers speak it: streams of both versions, content codings, cookies and locations."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import zlib
from collections.abc import Iterable

import brotli
from backports import zstd
from hpack import Encoder
from support.byte_pipe import PipeEnd, byte_pipe
from support.http2_peer import frame, read_all

from fuzz.draws import Draws, as_chunk
from fuzz.registry import target
from fuzz.targets.loops import run_to_end
from mix_protocol.errors import MixError
from mix_tunnel.runtime.http.cookies import CookieJar
from mix_tunnel.runtime.http.decoders import DECODERS
from mix_tunnel.runtime.http.decoding import STEP_BYTES
from mix_tunnel.runtime.http.http1.connection import HttpConnection
from mix_tunnel.runtime.http.http1.reader import ResponseReader
from mix_tunnel.runtime.http.http2 import Http2Connection
from mix_tunnel.runtime.http.redirects import redirect_target
from mix_tunnel.runtime.http.request import HttpRequest, HttpTimeouts, prepare
from mix_tunnel.runtime.http.resending import Resend
from mix_tunnel.runtime.http.url import HttpUrl

TIMEOUTS = HttpTimeouts(response_s=100, idle_s=100)
METHODS = ("GET", "HEAD", "POST")
MOST_BYTES = 64 << 20

_ANSWERS = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200\r\nTransfer-Encoding: chunked\n\n5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n",
    b"HTTP/1.0 302 Found\r\nLocation: /x\r\nConnection: close\r\n\r\nuntil the end",
    b"HTTP/1.1 204 No\r\nSet-Cookie: a=b\r\n folded\r\nKeep-Alive: timeout=5, max=9\r\n\r\n",
    b"HTTP/1.1 200\nContent-Length: 5, 5\n\nhelloHTTP/1.1 400 x\r\n\r\n",
)


def _http1() -> Iterable[bytes]:
    yield from (bytes([method, size]) + answer for answer in _ANSWERS for method in (0, 1) for size in (0, 7))


@target(_http1)
def http1_reader(data: bytes) -> None:
    """The answers on one HTTP/1.1 connection, in pieces; their plain form is not much longer."""
    draws = Draws(data)
    method = draws.choice(METHODS)
    reader = ResponseReader(method)
    plain = b"".join(reader.feed(piece) for piece in draws.pieces() if reader.failure is None)
    assert len(plain) <= 8 * len(data) + 64


@target(_http1)
def http1_connection(data: bytes) -> None:
    """A whole exchange over HTTP/1.1 with a server that says this and ends."""
    draws = Draws(data)
    method = draws.choice(METHODS)

    async def talk() -> None:
        near, far = byte_pipe(1 << 20)
        connection = HttpConnection(near)
        request = prepare(HttpRequest(method, "https://demo.test/", body=b"x" if method == "POST" else None))

        async def ask() -> None:
            with contextlib.suppress(MixError, Resend):
                await connection.exchange(request, TIMEOUTS)
                while await connection.read():
                    pass

        await _said(asyncio.create_task(ask()), far, draws)
        connection.abort()

    run_to_end(talk())


def _block(*fields: tuple[str, str]) -> bytes:
    return bytes(Encoder().encode(fields))


def _http2() -> Iterable[bytes]:
    settings = frame(4, 0, 0) + frame(4, 1, 0)
    head = frame(1, 4, 1, _block((":status", "200"), ("content-length", "5"), ("set-cookie", "a=b")))
    yield bytes([7]) + settings + head + frame(0, 1, 1, b"hello") + frame(1, 5, 3, _block((":status", "204")))
    yield bytes([2]) + settings + frame(1, 4, 1, _block((":status", "103"))) + head + frame(3, 0, 1, bytes(4))
    yield bytes([7]) + settings + frame(8, 0, 0, b"\0\0\1\0") + frame(6, 0, 0, bytes(8)) + frame(7, 0, 0, bytes(8))
    sizes = frame(4, 0, 0, b"\0\1\0\0\0\0\0\4\0\0\0\1\0\3\0\0\0\1")
    yield (
        bytes([5])
        + sizes
        + frame(1, 0, 1, _block((":status", "200"))[:1])
        + frame(9, 4, 1, b"")
        + frame(0, 9, 1, b"\2hey")
    )
    yield bytes([7]) + settings + frame(1, 0x24, 1, bytes(5) + _block((":status", "500"))) + frame(0, 1, 1)


@target(_http2)
def http2_connection(data: bytes) -> None:
    """Two requests over HTTP/2, one with a body, to a server that says this and ends."""

    async def talk() -> None:
        near, far = byte_pipe(1 << 20)
        connection = Http2Connection(near)

        async def ask(method: str, body: bytes | None) -> None:
            request = prepare(HttpRequest(method, "https://demo.test/", body=body))
            connection.enter()
            with contextlib.suppress(MixError, Resend):
                await read_all(await connection.exchange(request, TIMEOUTS))

        asking = asyncio.gather(ask("GET", None), ask("POST", bytes(100_000)))
        await far.readable()
        await _said(asking, far, Draws(data))
        await connection.wait_until_broken()
        assert connection.streams == 0
        connection.abort()

    run_to_end(talk())


async def _said(asking: asyncio.Future[object], far: PipeEnd, draws: Draws) -> None:
    with contextlib.suppress(MixError):  # the client may have had enough
        for piece in draws.pieces():
            await far.send(piece)
            await asyncio.sleep(0)
        await far.send_eof()
    await asyncio.wait_for(asking, 900)


def _codings() -> Iterable[bytes]:
    text = b"the same again and again " * 200
    raw = zlib.compressobj(wbits=-15)
    for number, name in enumerate(sorted(DECODERS)):
        made = {
            "br": brotli.compress(text),
            "deflate": zlib.compress(text),
            "gzip": gzip.compress(text, mtime=0),
            "zstd": zstd.compress(text),
        }
        yield bytes([number, 5]) + made[name]
        yield bytes([number, 2]) + made[name] * 2
        if name == "deflate":
            yield bytes([number, 7]) + raw.compress(text) + raw.flush()


@target(_codings)
def content_codings(data: bytes) -> None:
    """A compressed body: each step gives a bounded piece."""
    draws = Draws(data)
    decoder = DECODERS[draws.choice(sorted(DECODERS))]()
    given = 0
    try:
        for piece in draws.pieces():
            for start in range(0, len(piece), STEP_BYTES):
                out = decoder.decode(piece[start : start + STEP_BYTES], STEP_BYTES)
                given += len(out)
                assert len(out) <= 4 * STEP_BYTES
                while not decoder.needs_input and given < MOST_BYTES:
                    out = decoder.decode(b"", STEP_BYTES)
                    given += len(out)
                    assert len(out) <= 4 * STEP_BYTES
            if given >= MOST_BYTES:
                return
    except decoder.failure:
        return
    _ = decoder.may_end


def _cookies() -> Iterable[bytes]:
    yield as_chunk(b"a=b; Path=/; Max-Age=9; Secure") + as_chunk(b"a=b; Expires=Wed, 09 Jun 2027 10:18:14 GMT")
    yield (
        as_chunk(b"__Host-a=b; Secure; Path=/; HttpOnly; SameSite=None") + as_chunk(b"=; domain=.test") + as_chunk(b";")
    )
    yield as_chunk(b"x=1; expires=1 jan 70 0:0:0; domain=demo.test; path=deep/er; partitioned")


@target(_cookies)
def cookies(data: bytes) -> None:
    """Set-Cookie headers of a site; what is kept can be loaded again."""
    draws = Draws(data)
    url = HttpUrl.parse("https://www.demo.test/a/b?c")
    jar = CookieJar(lambda: 1.8e9)
    while draws:
        jar.store(url, [draws.chunk().decode("latin-1")])
    jar.header_for(url)
    again = CookieJar(lambda: 1.8e9)
    again.load(jar.export())
    assert again.header_for(url) == jar.header_for(url)


def _locations() -> Iterable[bytes]:
    texts = (
        "/a/../b",
        "//other.test:8443/x?y#z",
        "http://[::1]/",
        "https://user:pw@xn--bcher-kva.test/%zz",
        "ﬁ.test",
        "?",
    )
    yield from (text.encode() for text in texts)


@target(_locations)
def locations(data: bytes) -> None:
    """A Location header: another URL or a typed error, and a URL reads the same again."""
    here = HttpUrl.parse("https://www.demo.test/a/b?c")
    with contextlib.suppress(MixError):
        url = redirect_target(here, 302, [("Location", data.decode("latin-1"))])
        assert url is None or HttpUrl.parse(str(url)) == url
    with contextlib.suppress(MixError):
        url = here.join(data.decode("utf-8", "replace"))
        assert HttpUrl.parse(str(url)) == url
