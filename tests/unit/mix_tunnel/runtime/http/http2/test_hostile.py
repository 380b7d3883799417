"""Servers that break HTTP/2 on purpose: a typed error, bounded memory, and the connection's end at the latest."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc

import pytest
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated
from support.byte_pipe import byte_pipe
from support.http2_peer import frame, http2_pair, read_all

from mix_protocol.errors import MixError
from mix_tunnel.runtime.http.errors import HeadTooLarge, NoResponse
from mix_tunnel.runtime.http.http2 import Http2Connection
from mix_tunnel.runtime.http.http2.errors import Http2Flood, Http2Violated
from mix_tunnel.runtime.http.http2.frames import BURST_FRAMES, SETTINGS_COST, FrameGuard
from mix_tunnel.runtime.http.request import HttpRequest, HttpTimeouts, prepare
from mix_tunnel.runtime.http.resending import Resend

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
PREFACE = frame(SETTINGS, 0, 0)
OK_BLOCK = b"\x88"  # :status 200, from the static table
OK = frame(HEADERS, 4, 1, OK_BLOCK)


def setting(identifier: int, value: int) -> bytes:
    return identifier.to_bytes(2, "big") + value.to_bytes(4, "big")


async def fetch(raw: bytes, *, eof: bool = True) -> bytes | MixError:
    """What one GET makes of a server that sends these bytes."""
    near, far = byte_pipe(1 << 24)
    connection = Http2Connection(near)
    connection.enter()
    request = prepare(HttpRequest("GET", "https://demo.test/"))
    task = asyncio.create_task(connection.exchange(request, HttpTimeouts(response_s=60, idle_s=60)))
    try:
        await far.readable()  # the request comes first
        await far.send(raw)
        if eof:
            await far.send_eof()
        return await read_all(await task)
    except Resend as failed:
        return failed.error
    except MixError as error:
        return error
    finally:
        connection.abort()


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", "PROTOCOL_ERROR", id="HTTP/1.1"),
        pytest.param(bytes(100), "PROTOCOL_ERROR", id="zeros"),
        pytest.param(b"\xff" * 100, "PROTOCOL_ERROR", id="ones"),
        pytest.param(frame(SETTINGS, 1, 0), "PROTOCOL_ERROR", id="acknowledgement first"),
        pytest.param(frame(PING, 0, 0, bytes(8)), "PROTOCOL_ERROR", id="PING first"),
        pytest.param(PREFACE + frame(DATA, 0, 1, bytes(16_385)), "FRAME_SIZE_ERROR", id="long frame"),
        pytest.param(PREFACE + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01", "FRAME_SIZE_ERROR", id="16 MB announced"),
        pytest.param(PREFACE + frame(DATA, 0, 1, b"early"), "PROTOCOL_ERROR", id="DATA before HEADERS"),
        pytest.param(PREFACE + frame(DATA, 0, 0, b"x"), "PROTOCOL_ERROR", id="DATA on stream 0"),
        pytest.param(PREFACE + frame(DATA, 0, 99, b"x"), "PROTOCOL_ERROR", id="DATA on an idle stream"),
        pytest.param(PREFACE + frame(HEADERS, 4, 2, OK_BLOCK), "PROTOCOL_ERROR", id="HEADERS on a server's stream"),
        pytest.param(PREFACE + frame(HEADERS, 4, 7, OK_BLOCK), "PROTOCOL_ERROR", id="HEADERS on an idle stream"),
        pytest.param(PREFACE + frame(HEADERS, 4, 1, b"\xff\xff\xff\xff\xff\xff"), "COMPRESSION_ERROR", id="bad HPACK"),
        pytest.param(PREFACE + frame(HEADERS, 4, 1, b"\x3f\xe1\xff\x03"), "COMPRESSION_ERROR", id="HPACK table size"),
        pytest.param(PREFACE + frame(HEADERS, 4, 1, b""), "PROTOCOL_ERROR", id="no status"),
        pytest.param(PREFACE + frame(HEADERS, 4, 1, b"\x88\x00\x01A\x01b"), "PROTOCOL_ERROR", id="capital name"),
        pytest.param(
            PREFACE + frame(HEADERS, 4, 1, b"\x88\x00\x0aconnection\x05close"), "PROTOCOL_ERROR", id="connection header"
        ),
        pytest.param(PREFACE + frame(HEADERS, 4, 1, b"\x88\x00\x01a\x03a\r\n"), "PROTOCOL_ERROR", id="line break"),
        pytest.param(PREFACE + frame(HEADERS, 0, 1) + frame(PING, 0, 0, bytes(8)), "PROTOCOL_ERROR", id="cut block"),
        pytest.param(PREFACE + frame(CONTINUATION, 4, 1), "PROTOCOL_ERROR", id="naked CONTINUATION"),
        pytest.param(PREFACE + frame(HEADERS, 0, 1) + frame(CONTINUATION, 4, 3), "PROTOCOL_ERROR", id="another's"),
        pytest.param(PREFACE + frame(PUSH_PROMISE, 4, 1, b"\0\0\0\2" + OK_BLOCK), "PROTOCOL_ERROR", id="push"),
        pytest.param(PREFACE + frame(SETTINGS, 0, 0, b"12345"), "FRAME_SIZE_ERROR", id="bad SETTINGS"),
        pytest.param(PREFACE + frame(SETTINGS, 0, 1), "PROTOCOL_ERROR", id="SETTINGS on a stream"),
        pytest.param(PREFACE + frame(SETTINGS, 0, 0, setting(2, 2)), "PROTOCOL_ERROR", id="ENABLE_PUSH 2"),
        pytest.param(PREFACE + frame(SETTINGS, 0, 0, setting(4, 2**31)), "FLOW_CONTROL_ERROR", id="huge window"),
        pytest.param(PREFACE + frame(SETTINGS, 0, 0, setting(5, 1)), "PROTOCOL_ERROR", id="tiny frames"),
        pytest.param(
            PREFACE + frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"), "FLOW_CONTROL_ERROR", id="window overflow"
        ),
        pytest.param(
            PREFACE + frame(WINDOW_UPDATE, 0, 1, b"\x7f\xff\xff\xff"), "FLOW_CONTROL_ERROR", id="stream overflow"
        ),
        pytest.param(PREFACE + frame(WINDOW_UPDATE, 0, 0, bytes(4)), "PROTOCOL_ERROR", id="no increment"),
        pytest.param(PREFACE + frame(WINDOW_UPDATE, 0, 0, b"1"), "FRAME_SIZE_ERROR", id="bad WINDOW_UPDATE"),
        pytest.param(PREFACE + frame(PING, 0, 0, b"1234"), "FRAME_SIZE_ERROR", id="bad PING"),
        pytest.param(PREFACE + frame(PING, 0, 1, bytes(8)), "PROTOCOL_ERROR", id="PING on a stream"),
        pytest.param(PREFACE + frame(RST_STREAM, 0, 0, bytes(4)), "PROTOCOL_ERROR", id="RST_STREAM on stream 0"),
        pytest.param(PREFACE + frame(RST_STREAM, 0, 1, b"1"), "FRAME_SIZE_ERROR", id="bad RST_STREAM"),
        pytest.param(PREFACE + frame(RST_STREAM, 0, 9, bytes(4)), "PROTOCOL_ERROR", id="RST_STREAM, idle stream"),
        pytest.param(PREFACE + frame(GOAWAY, 0, 0, b"1234"), "FRAME_SIZE_ERROR", id="bad GOAWAY"),
        pytest.param(PREFACE + frame(GOAWAY, 0, 1, bytes(8)), "PROTOCOL_ERROR", id="GOAWAY on a stream"),
        pytest.param(PREFACE + OK + frame(DATA, 8, 1, b"\xff"), "PROTOCOL_ERROR", id="more padding than data"),
        pytest.param(PREFACE + OK + frame(HEADERS, 4, 1, OK_BLOCK), "PROTOCOL_ERROR", id="trailers without end"),
        pytest.param(PREFACE + OK + frame(HEADERS, 5, 1, OK_BLOCK), "PROTOCOL_ERROR", id="a second head"),
    ],
)
async def test_what_no_server_may_send(raw, reason):
    error = await fetch(raw)
    assert isinstance(error, Http2Violated)
    assert error.fields["reason"] in (reason, "PROTOCOL_ERROR")


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (frame(PRIORITY, 0, 5, bytes(5)), b"fine"),
        (frame(0x0A, 0, 0, b"\0\0h2"), b"fine"),
        (frame(0xEE, 255, 77, bytes(1_000)), b"fine"),
        (frame(PING, 1, 0, bytes(8)), b"fine"),
        (frame(SETTINGS, 0, 0, setting(0x77, 5) * 100), b"fine"),
        (frame(SETTINGS, 0, 0, setting(1, 2**32 - 1)), b"fine"),
        (frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1"), b"fine"),
        (b"", b"fine"),
    ],
)
async def test_what_is_odd_but_allowed(raw, body):
    rest = OK + frame(DATA, 8, 1, b"\x03" + b"fi" + bytes(3)) + frame(DATA, 0, 1) + frame(DATA, 1, 1, b"ne")
    assert await fetch(PREFACE + raw + rest) == body


async def test_the_end_before_the_preface():
    assert isinstance(await fetch(b""), NoResponse)
    assert isinstance(await fetch(PREFACE[:5]), NoResponse)


async def test_a_server_that_breaks_the_rules_is_told_so():
    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask()
        await pair.peer.send(frame(PUSH_PROMISE, 4, stream_id, b"\0\0\0\2" + OK_BLOCK))
        with pytest.raises(Http2Violated):
            await task
        assert (await pair.peer.event(ConnectionTerminated)).error_code == ErrorCodes.PROTOCOL_ERROR
        assert pair.unused == 1


async def test_data_beyond_the_window():
    raw = PREFACE + OK + frame(DATA, 0, 1, bytes(16_384)) * 9
    error = await fetch(raw)
    assert isinstance(error, Http2Violated)
    assert error.fields == {"reason": "FLOW_CONTROL_ERROR"}


async def test_a_header_block_without_end():
    raw = PREFACE + frame(HEADERS, 0, 1, OK_BLOCK) + frame(CONTINUATION, 0, 1, b"\x00\x01a\x01b" * 3_000) * 20
    assert isinstance(await fetch(raw), HeadTooLarge)


async def test_empty_continuations_without_end():
    raw = PREFACE + frame(HEADERS, 0, 1, OK_BLOCK) + frame(CONTINUATION, 0, 1) * 5_000
    assert isinstance(await fetch(raw), (Http2Violated, HeadTooLarge))


async def test_a_header_bomb():
    entry = b"\x40\x01a" + b"\x7f\xa1\x1e" + b"b" * 4_000  # into the dynamic table once
    bomb = OK_BLOCK + entry + b"\xbe" * 10_000  # and 10,000 times out of it
    raw = PREFACE + frame(HEADERS, 4, 1, bomb)
    tracemalloc.start()
    try:
        assert isinstance(await fetch(raw), HeadTooLarge)
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(frame(PING, 0, 0, bytes(8)), id="PING"),
        pytest.param(frame(SETTINGS, 0, 0, setting(4, 70_000)), id="SETTINGS"),
        pytest.param(frame(SETTINGS, 1, 0), id="SETTINGS acknowledged"),
        pytest.param(frame(DATA, 0, 1), id="empty DATA"),
        pytest.param(frame(DATA, 8, 1, b"\x07" + bytes(7)), id="padding"),
        pytest.param(frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1"), id="WINDOW_UPDATE"),
        pytest.param(frame(PRIORITY, 0, 1, bytes(5)), id="PRIORITY"),
        pytest.param(frame(0xEE, 0, 0), id="unknown"),
        pytest.param(frame(RST_STREAM, 0, 1, b"\0\0\0\x02"), id="RST_STREAM"),
        pytest.param(frame(GOAWAY, 0, 0, b"\0\0\0\1" + bytes(4)), id="GOAWAY"),
    ],
)
async def test_floods(one):
    raw = PREFACE + OK + one * (2 * BURST_FRAMES)
    error = await fetch(raw, eof=False)
    if one[3] == RST_STREAM:
        assert isinstance(error, MixError)  # the first one ended the request
    else:
        assert isinstance(error, Http2Flood)


async def test_answers_that_the_server_does_not_take():
    """It asks and asks and reads nothing: what we would answer must not pile up."""
    near, far = byte_pipe(1_000)
    connection = Http2Connection(near)
    connection.enter()
    task = asyncio.create_task(connection.exchange(prepare(HttpRequest("GET", "https://demo.test/")), HttpTimeouts()))
    try:
        await far.send(PREFACE)
        guard = connection._protocol._guard

        async def ask() -> None:
            while True:
                guard.allow(1_000)  # as if time went by
                await far.send(frame(PING, 0, 0, bytes(8)) * 500)

        asking = asyncio.create_task(ask())
        with pytest.raises(Http2Flood):
            await task
        asking.cancel()
    finally:
        connection.abort()


def test_a_stream_does_not_end_without_end():
    guard = FrameGuard(0.0)
    guard.receive(PREFACE + frame(DATA, 1, 1) * (BURST_FRAMES + 1))
    with pytest.raises(Http2Flood):
        list(guard.frames(0.0))


def test_settings_are_dearer():
    guard = FrameGuard(0.0)
    guard.receive(PREFACE * (BURST_FRAMES // SETTINGS_COST + 1))
    with pytest.raises(Http2Flood):
        list(guard.frames(0.0))


def test_the_allowance_grows_with_time():
    guard = FrameGuard(0.0)
    guard.receive(PREFACE)
    assert len(list(guard.frames(0.0))) == 1
    for second in range(1, 100):
        guard.receive(frame(PING, 0, 0, bytes(8)) * 90)
        assert len(list(guard.frames(float(second)))) == 90
    guard.receive(frame(PING, 0, 0, bytes(8)) * 3_000)
    with pytest.raises(Http2Flood):
        list(guard.frames(100.0))


def test_what_we_ask_for_is_allowed():
    guard = FrameGuard(0.0)
    guard.receive(PREFACE)
    guard.allow(10_000)
    guard.receive(frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1") * 11_000)
    assert len(list(guard.frames(0.0))) == 11_001


async def test_small_pieces_take_no_more_memory_than_large_ones():
    raw = PREFACE + OK + frame(DATA, 0, 1, b"ab") * 20_000
    near, far = byte_pipe(1 << 24)
    connection = Http2Connection(near)
    connection.enter()
    task = asyncio.create_task(connection.exchange(prepare(HttpRequest("GET", "https://demo.test/")), HttpTimeouts()))
    await far.readable()
    gc.collect()
    tracemalloc.start()
    try:
        await far.send(raw)
        response = await task
        await far.taken()
        assert tracemalloc.get_traced_memory()[0] < 400_000
        assert len(await response.read()) > 2
    finally:
        tracemalloc.stop()
        connection.abort()


async def test_other_connections_go_on():
    async with http2_pair() as good, http2_pair() as bad:
        fine, fine_id, _ = await good.ask()
        broken, _, _ = await bad.ask()
        await bad.peer.send(frame(PING, 0, 0, bytes(8)) * 3_000)
        with pytest.raises(Http2Flood):
            await broken
        await good.peer.answer(fine_id, b"fine")
        assert await read_all(await fine) == b"fine"
