"""Whatever an HTTP/2 server sends, a request ends with an answer or a typed error, and holds nothing afterwards."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from hpack import Encoder
from hypothesis import given
from hypothesis import strategies as st
from support.byte_pipe import PipeBroken, byte_pipe
from support.http2_peer import frame, read_all

from mix_protocol.errors import MixError
from mix_tunnel.runtime.http.http2 import Http2Connection
from mix_tunnel.runtime.http.request import HttpRequest, HttpTimeouts, prepare
from mix_tunnel.runtime.http.resending import Resend

SETTINGS = frame(4, 0, 0)


def block(fields: list[tuple[str, str]]) -> bytes:
    return Encoder().encode(fields)


stream_ids = st.sampled_from([0, 1, 2, 3, 5, 2**31 - 1])
field = st.tuples(
    st.sampled_from([":status", ":path", "content-length", "a", "A", "transfer-encoding", "", "cookie"]),
    st.sampled_from(["200", "103", "101", "500", "5", "-1", "x", "", "\r\n", "é"]),
)
payloads = st.one_of(
    st.binary(max_size=40),
    st.lists(field, max_size=4).map(block),
    st.just(b"\x88"),
    st.just(b"hello"),
    st.integers(0, 2**32 - 1).map(lambda number: number.to_bytes(4, "big")),
    st.tuples(st.integers(0, 9), st.integers(0, 2**32 - 1)).map(
        lambda pair: pair[0].to_bytes(2, "big") + pair[1].to_bytes(4, "big")
    ),
    st.just(bytes(8)),
    st.just(b"x" * 300),
)
frames = st.builds(frame, st.integers(0, 11), st.sampled_from([0, 1, 4, 5, 8, 9, 0x20, 0xFF]), stream_ids, payloads)
likely = st.sampled_from(
    [
        frame(1, 4, 1, b"\x88"),
        frame(1, 5, 1, b"\x88"),
        frame(1, 4, 3, b"\x88"),
        frame(0, 0, 1, b"data"),
        frame(0, 1, 1, b"end"),
        frame(0, 1, 3, b"end"),
        frame(3, 0, 1, (7).to_bytes(4, "big")),
        frame(7, 0, 0, bytes(8)),
        frame(7, 0, 0, b"\0\0\0\1" + bytes(4)),
        SETTINGS,
        frame(6, 0, 0, bytes(8)),
    ]
)


async def outcome(raw: bytes, cuts: list[int]) -> None:
    """Two requests, one with a body, to a server that sends these bytes in these pieces and then ends."""
    near, far = byte_pipe(1 << 20)
    connection = Http2Connection(near)
    timeouts = HttpTimeouts(response_s=100, idle_s=100)

    async def one(method: str, body: bytes | None) -> None:
        request = prepare(HttpRequest(method, "https://demo.test/", body=body))
        connection.enter()
        with suppress(MixError, Resend):
            await read_all(await connection.exchange(request, timeouts))

    requests = [asyncio.create_task(one("GET", None)), asyncio.create_task(one("POST", bytes(100_000)))]
    await far.readable()
    at = 0
    with suppress(PipeBroken):  # the client may have had enough
        for cut in sorted({cut % (len(raw) + 1) for cut in cuts} | {len(raw)}):
            await far.send(raw[at:cut])
            at = cut
            await asyncio.sleep(0)
        await far.send_eof()
    await asyncio.wait_for(asyncio.gather(*requests), 80)
    await connection.wait_until_broken()
    assert connection.streams == 0
    await asyncio.wait({connection._reader})
    assert connection._reader.exception() is None  # nothing but typed errors went through it
    connection.abort()


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=3))
def test_any_bytes(raw, cuts):
    asyncio.run(outcome(raw, cuts))


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=3))
def test_any_bytes_after_the_preface(raw, cuts):
    asyncio.run(outcome(SETTINGS + raw, cuts))


@given(st.lists(st.one_of(frames, likely), max_size=12).map(b"".join), st.lists(st.integers(0, 3_000), max_size=3))
def test_any_frames(raw, cuts):
    asyncio.run(outcome(SETTINGS + raw, cuts))


@given(st.lists(likely, max_size=12).map(b"".join), st.lists(st.integers(0, 300), max_size=3))
def test_likely_frames_in_any_order(raw, cuts):
    asyncio.run(outcome(SETTINGS + raw, cuts))


@given(st.lists(field, max_size=8), st.booleans())
def test_any_headers(fields, end):
    asyncio.run(outcome(SETTINGS + frame(1, 5 if end else 4, 1, block(fields)) + frame(0, 1, 1, b"body"), []))
