"""What is wrong with one stream ends that one: the other requests on its connection go on (RFC 9113 section 8.1.1)."""

from __future__ import annotations

import pytest
from h2.errors import ErrorCodes
from h2.events import DataReceived
from support.http2_peer import frame, http2_pair, read_all

from mix_protocol.errors import PeerMisbehaved
from mix_tunnel.runtime.http.http2.errors import Http2Violated, StreamReset
from mix_tunnel.runtime.http.http2.frames import BURST_FRAMES

DATA, HEADERS, RST_STREAM, WINDOW_UPDATE = 0, 1, 3, 8
OK = b"\x88"


def literal(name: bytes, value: bytes) -> bytes:
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


@pytest.mark.parametrize(
    "kind_flags_payloads",
    [
        pytest.param([(HEADERS, 4, OK + literal(b"connection", b"close"))], id="a header of HTTP/1.1"),
        pytest.param([(HEADERS, 5, OK + literal(b"transfer-encoding", b"chunked"))], id="a coding"),
        pytest.param([(HEADERS, 4, OK + literal(b"A", b"b"))], id="a capital name"),
        pytest.param([(HEADERS, 4, OK + literal(b"a b", b"c"))], id="a name that is no token"),
        pytest.param([(HEADERS, 4, OK + literal(b"", b"c"))], id="no name"),
        pytest.param([(HEADERS, 4, OK + literal(b"a", b"b\nc"))], id="a line break"),
        pytest.param([(HEADERS, 4, OK + literal(b"a", b"b\0c"))], id="a zero byte"),
        pytest.param([(HEADERS, 4, literal(b"a", b"b"))], id="no status"),
        pytest.param([(HEADERS, 4, b"")], id="nothing"),
        pytest.param([(HEADERS, 4, OK + OK)], id="two statuses"),
        pytest.param([(HEADERS, 4, literal(b"a", b"b") + OK)], id="a status behind a header"),
        pytest.param([(HEADERS, 4, OK + literal(b":path", b"/"))], id="a path"),
        pytest.param([(HEADERS, 4, literal(b":status", b"20"))], id="a short status"),
        pytest.param([(HEADERS, 4, literal(b":status", b"101"))], id="another protocol"),
        pytest.param([(HEADERS, 5, literal(b":status", b"103"))], id="a provisional end"),
        pytest.param([(HEADERS, 4, OK + literal(b"content-length", b"x"))], id="a length in words"),
        pytest.param([(HEADERS, 4, OK + literal(b"content-length", b"3")), (DATA, 0, b"four")], id="a wrong length"),
        pytest.param([(DATA, 0, b"early")], id="a body without a head"),
        pytest.param([(HEADERS, 4, OK), (HEADERS, 4, literal(b"a", b"b"))], id="trailers that do not end"),
        pytest.param([(HEADERS, 4, OK), (HEADERS, 5, OK)], id="a second head"),
        pytest.param([(HEADERS, 4, OK), (HEADERS, 5, literal(b"A", b"b"))], id="a capital trailer"),
        pytest.param([(WINDOW_UPDATE, 0, bytes(4))], id="room for nothing"),
        pytest.param([(WINDOW_UPDATE, 0, b"\x7f\xff\xff\xff")], id="room beyond counting"),
    ],
)
async def test_others_go_on(kind_flags_payloads):
    async with http2_pair() as pair:
        good, good_id, _ = await pair.ask()
        bad, bad_id, _ = await pair.ask()
        await pair.peer.head(good_id)
        await pair.peer.data(good_id, b"begun ")
        await pair.peer.send(b"".join(frame(kind, flags, bad_id, load) for kind, flags, load in kind_flags_payloads))
        with pytest.raises(PeerMisbehaved) as caught:
            await read_all(await bad)
        assert caught.value.code in ("http2.protocol_error", "http2.wrong_length")
        assert await pair.peer.reset(bad_id) in (ErrorCodes.PROTOCOL_ERROR, ErrorCodes.FLOW_CONTROL_ERROR)
        # What still was on its way for the stream that is over does no harm.
        await pair.peer.send(frame(DATA, 0, bad_id, b"late") + frame(HEADERS, 5, bad_id, literal(b"A", b"b")))
        await pair.peer.data(good_id, b"and ended", end=True)
        assert await read_all(await good) == b"begun and ended"
        assert pair.client.usable


LENGTH = OK + literal(b"content-length", b"4")


@pytest.mark.parametrize(
    ("head", "end"),
    [
        pytest.param(OK, (RST_STREAM, 0, bytes(4)), id="a reset without an error"),
        pytest.param(LENGTH, (RST_STREAM, 0, bytes(4)), id="the same behind the whole length"),
        pytest.param(LENGTH, (RST_STREAM, 0, b"\0\0\0\x08"), id="a reset behind the whole length"),
        pytest.param(LENGTH, (HEADERS, 5, literal(b"connection", b"close")), id="trailers of HTTP/1.1"),
        pytest.param(LENGTH, (HEADERS, 4, literal(b"a", b"b")), id="trailers that do not end"),
        pytest.param(LENGTH, (HEADERS, 5, OK), id="a second head"),
        pytest.param(LENGTH, (7, 0, b"\0\0\0"), id="the connection's end by an error"),
    ],
)
async def test_a_body_that_is_here_is_whole_however_its_stream_ends(head, end):
    """curl and browsers read them; the server's own words say that nothing is missing."""
    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask()
        kind, flags, payload = end
        on = 0 if kind == 7 else stream_id
        raw = frame(HEADERS, 4, stream_id, head) + frame(DATA, 0, stream_id, b"body")
        await pair.peer.send(raw + frame(kind, flags, on, payload))
        assert await read_all(await task) == b"body"


@pytest.mark.parametrize(
    ("head", "error"),
    [(LENGTH, b"\0\0\0\0"), (OK, b"\0\0\0\x08"), (OK, b"\0\0\0\x02")],
    ids=["less than the length", "cancelled", "an error"],
)
async def test_a_body_that_may_be_cut_is_not_whole(head, error):
    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask()
        raw = frame(HEADERS, 4, stream_id, head) + frame(DATA, 0, stream_id, b"bod")
        await pair.peer.send(raw + frame(RST_STREAM, 0, stream_id, error))
        answer = await task
        with pytest.raises(StreamReset):
            await read_all(answer)


async def test_space_around_values_is_taken_away():
    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask()
        fields = literal(b"a", b" b\t ") + literal(b"content-length", b"2 ") + literal(b"c", b"  ")
        await pair.peer.send(
            frame(HEADERS, 4, stream_id, OK + fields)
            + frame(DATA, 0, stream_id, b"ok")
            + frame(HEADERS, 5, stream_id, literal(b"grpc-message", b" fine "))
        )
        answer = await task
        assert answer.head.headers == [("a", "b"), ("content-length", "2"), ("c", "")]
        assert await read_all(answer) == b"ok"


async def test_a_head_that_is_padded_has_a_priority_and_comes_in_pieces():
    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask()
        await pair.peer.send(
            frame(HEADERS, 0x28, stream_id, b"\x03" + bytes(5) + OK + bytes(3))
            + frame(9, 0, stream_id)
            + frame(9, 4, stream_id, literal(b"a", b"b"))
            + frame(DATA, 1, stream_id, b"ok")
        )
        answer = await task
        assert (answer.head.headers, await read_all(answer)) == ([("a", "b")], b"ok")


async def test_room_in_the_windows_is_no_flood_however_finely_it_is_given():
    """Go's server before 1.20 sends two updates for each read of its handler."""
    size = BURST_FRAMES * 64
    async with http2_pair(capacity=1 << 22) as pair:
        pair.peer.auto_acknowledge = False
        task, stream_id, _ = await pair.ask("POST", body=bytes(size))
        given = 0
        while given < size:
            data = (await pair.peer.event(DataReceived, stream_id)).data
            for start in range(0, len(data), 16):
                room = min(16, len(data) - start)
                pair.peer.h2.increment_flow_control_window(room)
                pair.peer.h2.increment_flow_control_window(room, stream_id)
            given += len(data)
            await pair.peer.flush()
        await pair.peer.answer(stream_id, b"taken")
        assert await read_all(await task) == b"taken"


async def test_room_that_no_body_has_taken_is_a_flood():
    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask()
        await pair.peer.send(frame(WINDOW_UPDATE, 0, stream_id, b"\0\0\0\1") * (2 * BURST_FRAMES))
        with pytest.raises(Http2Violated) as caught:
            await task
        assert caught.value.code == "http2.flood"
