"""Whatever an HTTP server sends, and whatever text is given, the answer is a value or a typed error."""

from __future__ import annotations

import asyncio
import contextlib

from hypothesis import example, given
from hypothesis import strategies as st

from mix_protocol.errors import NetworkFailure, PeerMisbehaved
from mix_tunnel.runtime.http.errors import BadUrl
from mix_tunnel.runtime.http.http1 import HttpConnection
from mix_tunnel.runtime.http.request import HttpRequest, HttpTimeouts, prepare
from mix_tunnel.runtime.http.url import HttpUrl

PIECES = [
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"\r\n",
    b"5\r\n",
    b"0\r\n",
    b"abcde",
]


@given(st.text())
@example("http://[::ffff:1.2.3.4]/")
@example("http://a/%")
@example("http://\ud800/")
@example("http://xn--/")
def test_a_text_is_a_url_or_is_refused(text):
    for candidate in (text, "http://" + text, "http://a.test/" + text):
        with contextlib.suppress(BadUrl):
            url = HttpUrl.parse(candidate)
            assert str(url).isascii()
            assert HttpUrl.parse(str(url)) == url
            assert not set(url.target) & set(" \r\n\x00#")


@given(st.text())
def test_a_location_is_a_url_or_is_refused(text):
    with contextlib.suppress(BadUrl):
        assert HttpUrl.parse("http://a.test/b").join(text).scheme in ("http", "https")


class ScriptedStream:
    """Gives out what was scripted, piece by piece, and then the end."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = [piece for piece in pieces if piece]

    async def receive(self, max_bytes: int = 65_536) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    async def send(self, data: bytes) -> None:
        pass

    async def send_eof(self) -> None:
        pass

    async def aclose(self) -> None:
        pass

    def abort(self) -> None:
        self._pieces.clear()


async def outcome(pieces: list[bytes]) -> tuple[object, ...]:
    connection = HttpConnection(ScriptedStream(pieces))
    try:
        head = await connection.exchange(prepare(HttpRequest("GET", "http://a.test/")), HttpTimeouts())
        body = b""
        while piece := await connection.read():
            body += piece
    except (PeerMisbehaved, NetworkFailure) as error:
        return (error.code,)
    return head, body, connection.reusable


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=20), max_size=12))
def test_whatever_a_server_sends_is_an_answer_or_a_typed_error(pieces):
    asyncio.run(outcome(pieces))


@given(st.lists(st.sampled_from(PIECES), max_size=8), st.integers(0, 3))
def test_byte_by_byte_equals_all_at_once(pieces, cut):
    """But for whether the connection can be used again: bytes behind the answer are seen only if they are here."""
    whole = b"HTTP/1.1 200 OK\r\n" + b"".join(pieces)
    whole = whole[: len(whole) - cut]
    at_once = asyncio.run(outcome([whole]))
    bytewise = asyncio.run(outcome([whole[index : index + 1] for index in range(len(whole))]))
    assert at_once[:2] == bytewise[:2]
