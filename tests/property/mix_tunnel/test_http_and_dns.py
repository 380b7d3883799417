"""Whatever bytes arrive, and whatever text is given, the answer is a value or a typed error."""

from __future__ import annotations

import asyncio
import contextlib
from ipaddress import IPv4Address

import dns.message
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.name_server import respond

from mix_protocol.errors import MixError, NetworkFailure, PeerMisbehaved
from mix_tunnel.runtime.dns.errors import BadName
from mix_tunnel.runtime.dns.messages import Truncated, belongs_to, make_query, normal_name, read_answer
from mix_tunnel.runtime.http.connection import HttpConnection
from mix_tunnel.runtime.http.errors import BadUrl
from mix_tunnel.runtime.http.request import HttpRequest, HttpTimeouts, prepare
from mix_tunnel.runtime.http.url import HttpUrl

QUERY = make_query("a.test", lambda count: bytes(count))
ANSWER = respond(
    dns.message.from_wire(QUERY.wire),
    "a.test. 60 IN CNAME b.test.",
    "b.test. 60 IN A 192.0.2.1",
    "b.test. 9 IN A 192.0.2.2",
).to_wire()
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


@given(st.text())
def test_a_text_is_a_host_name_or_is_refused(text):
    with contextlib.suppress(BadName):
        name = normal_name(text)
        assert normal_name(name) == name
        make_query(name, lambda count: bytes(count))


@given(st.binary(max_size=200))
def test_bytes_are_an_answer_or_are_refused(data):
    wire = QUERY.wire[:2] + b"\x80" + data
    if belongs_to(wire, QUERY):
        with contextlib.suppress(MixError, Truncated):
            read_answer(wire, QUERY)


@given(st.integers(2, len(ANSWER) - 1), st.integers(0, 255))
@settings(max_examples=500)
def test_a_damaged_answer_is_an_answer_or_is_refused(position, value):
    wire = bytearray(ANSWER)
    wire[position] = value
    if belongs_to(bytes(wire), QUERY):
        with contextlib.suppress(MixError, Truncated):
            answer = read_answer(bytes(wire), QUERY)
            assert all(isinstance(address, IPv4Address) for address in answer.addresses)


@given(st.integers(0, len(ANSWER) - 1))
def test_a_shortened_answer_is_refused(length):
    wire = ANSWER[:length]
    if belongs_to(wire, QUERY):
        with pytest.raises(MixError):
            read_answer(wire, QUERY)


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
