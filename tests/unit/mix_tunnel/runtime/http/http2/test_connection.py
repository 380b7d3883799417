"""An HTTP/2 connection against a real HTTP/2 server in memory."""

from __future__ import annotations

import asyncio
import gc
import hashlib

import pytest
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, PingReceived, RemoteSettingsChanged, WindowUpdated
from h2.settings import SettingCodes
from support.http2_peer import http2_pair, read_all
from support.virtual_time import virtual_time
from support.waiting import until

from mix_tunnel.runtime.http.errors import (
    BadBody,
    BodyCut,
    ClientClosed,
    IdleTimedOut,
    MalformedResponse,
    NoResponse,
    PoolTimedOut,
    ResponseTimedOut,
    WriteTimedOut,
)
from mix_tunnel.runtime.http.http2 import protocol
from mix_tunnel.runtime.http.http2.errors import (
    ConnectionSilent,
    Http2Violated,
    Http11Required,
    NotProcessed,
    StreamReset,
    WrongLength,
)
from mix_tunnel.runtime.http.http2.protocol import (
    CONNECTION_WINDOW_BYTES,
    MAX_STREAMS,
    MAX_WIDE_STREAMS,
    READ_STREAM_WINDOW_BYTES,
    STREAM_WINDOW_BYTES,
)
from mix_tunnel.runtime.http.request import HttpTimeouts
from mix_tunnel.runtime.http.resending import Resend

BODY = hashlib.shake_256(b"http2").digest(600_000)


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


# --- the plain way


async def test_a_get():
    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask(path="/a?b")
        await pair.peer.answer(stream_id, b"hello", x_kind="test")
        response = await task
        assert (response.head.status, response.head.reason, response.head.http_version) == (200, "", "2")
        assert response.head.headers == [("x-kind", "test")]
        assert await read_all(response) == b"hello"
        assert await response.read() == b""
        assert pair.unused == 1


async def test_the_request_as_http2_has_it():
    headers = [("Host", "other.test"), ("X-Capital", "Yes"), ("Cookie", "a=1; b=2")]
    async with http2_pair() as pair:
        _, _, got = await pair.ask("POST", "/a?b", headers=headers, body=b"body")
        assert list(got)[:4] == [":method", ":authority", ":scheme", ":path"]
        assert (got[":method"], got[":path"]) == ("POST", "/a?b")
        assert (got[":scheme"], got[":authority"]) == ("https", "other.test")
        assert (got["x-capital"], got["cookie"], got["content-length"]) == ("Yes", "a=1; b=2", "4")
        assert not {"host", "connection", "transfer-encoding", "keep-alive"} & set(got)


async def test_our_settings():
    async with http2_pair() as pair:
        pair.start()
        changed = (await pair.peer.event(RemoteSettingsChanged)).changed_settings
        assert changed[SettingCodes.ENABLE_PUSH].new_value == 0
        assert changed[SettingCodes.INITIAL_WINDOW_SIZE].new_value == STREAM_WINDOW_BYTES
        await pair.peer.event(WindowUpdated)
        assert pair.peer.h2.outbound_flow_control_window == CONNECTION_WINDOW_BYTES


async def test_preface_settings_and_request_leave_together():
    async with http2_pair() as pair:
        await pair.ask()
        assert pair.peer.raw.startswith(b"PRI * HTTP/2.0")
        assert len(pair.peer.raw) < 1_000  # one packet, with TLS


async def test_many_requests_at_the_same_time_answered_in_any_order():
    async with http2_pair() as pair:
        asked = [await pair.ask(path=f"/{number}") for number in range(50)]
        for _, stream_id, headers in reversed(asked):
            await pair.peer.answer(stream_id, headers[":path"].encode())
        for number, (task, _, _) in enumerate(asked):
            assert await read_all(await task) == f"/{number}".encode()
        assert (pair.unused, pair.client.streams, pair.client.usable) == (1, 0, True)


@pytest.mark.parametrize(
    ("method", "status", "headers", "empty_data"),
    [
        ("HEAD", 200, {"content_length": "500"}, False),
        ("HEAD", 200, {"content_length": "500"}, True),
        ("GET", 204, {}, False),
        ("GET", 304, {"content_length": "500"}, False),
        ("GET", 304, {"content_length": "500"}, True),
        ("GET", 200, {"content_length": "0"}, True),
    ],
)
async def test_answers_without_a_body(method, status, headers, empty_data):
    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask(method)
        await pair.peer.head(stream_id, status, end=not empty_data, **headers)
        if empty_data:
            await pair.peer.data(stream_id, b"", end=True)
        response = await task
        assert response.head.status == status
        assert await response.read() == b""
        assert pair.client.usable


async def test_provisional_answers_are_passed_over():
    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask()
        for status in (100, 103, 103):
            await pair.peer.head(stream_id, status)
        await pair.peer.answer(stream_id, b"real")
        assert await read_all(await task) == b"real"


async def test_trailers_are_ignored():
    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask()
        await pair.peer.head(stream_id)
        await pair.peer.data(stream_id, b"body")
        pair.peer.h2.send_headers(stream_id, [("x-trailer", "1")], end_stream=True)
        await pair.peer.flush()
        response = await task
        assert await read_all(response) == b"body"
        assert response.head.headers == []


# --- bodies and windows


@pytest.mark.parametrize("size", [1, 65_535, 65_536, 600_000])
async def test_a_body_of_bytes_is_sent(size):
    async with http2_pair() as pair:
        task, stream_id, headers = await pair.ask("POST", body=BODY[:size])
        assert headers["content-length"] == str(size)
        assert await pair.peer.body(stream_id) == BODY[:size]
        await pair.peer.answer(stream_id)
        assert (await task).head.status == 200


async def test_a_streamed_body_is_sent_as_it_comes():
    async def pieces():
        for start in range(0, len(BODY), 50_000):
            yield BODY[start : start + 50_000]
        yield b""

    async with http2_pair() as pair:
        task, stream_id, headers = await pair.ask("PUT", body=pieces())
        assert "content-length" not in headers
        assert await pair.peer.body(stream_id) == BODY
        await pair.peer.answer(stream_id)
        assert (await task).head.status == 200


async def test_a_streamed_body_that_has_a_length_of_its_own():
    class Queue:
        def __len__(self):
            return 0  # nothing yet

        async def __aiter__(self):
            yield b"later"

    async with http2_pair() as pair:
        _, stream_id, _ = await pair.ask("POST", body=Queue())
        assert await pair.peer.body(stream_id) == b"later"


async def test_an_upload_stops_at_the_servers_window():
    async with http2_pair(initial_window_size=20_000) as pair:
        pair.peer.auto_acknowledge = False
        first, stream_id, _ = await pair.ask()
        await pair.peer.answer(stream_id)
        await first  # the settings have arrived
        task, stream_id, _ = await pair.ask("POST", body=BODY[:60_000])
        received = 0
        while received < 60_000:
            received += len((await pair.peer.event(DataReceived)).data)
            if received in (20_000, 40_000):
                await turns()
                assert not [event for event in pair.peer.events if isinstance(event, DataReceived)]
                pair.peer.h2.increment_flow_control_window(20_000, stream_id)
                pair.peer.h2.increment_flow_control_window(20_000)
                await pair.peer.flush()
        assert received == 60_000
        await pair.peer.answer(stream_id)
        await task


async def test_uploads_share_the_connections_window_fairly():
    async with http2_pair(initial_window_size=10_000_000) as pair:
        pair.peer.auto_acknowledge = False
        streams = [(await pair.ask("POST", body=BODY[:300_000]))[1] for _ in range(4)]
        await turns(50)
        pair.peer.events = [event for event in pair.peer.events if not isinstance(event, DataReceived)]
        for _ in range(8):
            pair.peer.h2.increment_flow_control_window(16_384)
            await pair.peer.flush()
            await turns(50)
        sent = [event.stream_id for event in pair.peer.events if isinstance(event, DataReceived)]
        assert set(sent) == set(streams)


async def test_a_full_stream_does_not_hold_up_another_upload():
    async with http2_pair() as pair:
        pair.peer.auto_acknowledge = False
        pair.peer.h2.increment_flow_control_window(1_000_000)
        full, _, _ = await pair.ask("POST", body=BODY)
        other, stream_id, _ = await pair.ask("POST", body=BODY[:60_000])
        assert await pair.peer.body(stream_id) == BODY[:60_000]
        await pair.peer.answer(stream_id)
        assert (await other).head.status == 200
        assert not full.done()
        full.cancel()


async def test_a_smaller_window_by_settings_is_obeyed():
    async with http2_pair() as pair:
        pair.peer.auto_acknowledge = False
        task, stream_id, _ = await pair.ask("POST", body=BODY[:100_000])
        await turns()
        pair.peer.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 1_000})  # now below zero
        pair.peer.h2.increment_flow_control_window(1_000_000)
        await pair.peer.flush()
        await turns()
        pair.peer.h2.increment_flow_control_window(500_000, stream_id)
        await pair.peer.flush()
        assert await pair.peer.body(stream_id) == BODY[:100_000]
        task.cancel()


async def test_an_answer_before_the_end_of_the_upload_ends_it():
    async with http2_pair() as pair:
        pair.peer.auto_acknowledge = False
        task, stream_id, _ = await pair.ask("POST", body=BODY)
        await pair.peer.answer(stream_id, b"enough", status=413)
        response = await task
        assert (response.head.status, await read_all(response)) == (413, b"enough")
        assert await pair.peer.reset(stream_id) == ErrorCodes.NO_ERROR
        assert pair.client.usable


async def test_a_caller_whose_body_fails_is_told_so():
    async def pieces():
        yield b"one"
        raise LookupError("the caller's own")

    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask("POST", body=pieces())
        assert await pair.peer.reset(stream_id) == ErrorCodes.CANCEL
        with pytest.raises(LookupError):
            await task
        assert pair.unused == 1


@pytest.mark.parametrize(("length", "pieces"), [(4, [b"abc"]), (4, [b"abc", b"de"]), (2, ["ab"])])
async def test_a_streamed_body_must_keep_its_word(length, pieces):
    async def body():
        for piece in pieces:
            yield piece

    async with http2_pair() as pair:
        task = pair.start("POST", body=body(), headers=[("Content-Length", str(length))])
        with pytest.raises(BadBody):
            await task
        assert pair.client.usable


async def test_the_reader_sets_the_pace():
    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask()
        await pair.peer.head(stream_id)
        await pair.peer.data(stream_id, BODY[:STREAM_WINDOW_BYTES])
        assert pair.peer.h2.local_flow_control_window(stream_id) == 0
        response = await task
        await turns()
        assert pair.peer.h2.local_flow_control_window(stream_id) == 0  # nobody has read
        assert len(await response.read()) == 65_536
        await pair.peer.event(WindowUpdated, stream_id)
        assert pair.peer.h2.local_flow_control_window(stream_id) >= READ_STREAM_WINDOW_BYTES - STREAM_WINDOW_BYTES
        rest = BODY[STREAM_WINDOW_BYTES:]
        await pair.peer.data(stream_id, rest, end=True)
        assert await read_all(response) == BODY[65_536:]


async def test_megabytes_flow_while_they_are_read():
    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask()
        await pair.peer.head(stream_id)
        total = 20 * len(BODY)

        async def serve() -> None:
            sent = 0
            while sent < total:
                room = min(pair.peer.h2.local_flow_control_window(stream_id), 16_384, total - sent)
                if room:
                    sent += room
                    await pair.peer.data(stream_id, bytes(room), end=sent == total)
                else:
                    await pair.peer.event(WindowUpdated)

        serving = asyncio.create_task(serve())
        received = len(await read_all(await task))
        await serving
        assert received == total


async def test_unread_bodies_do_not_hold_up_one_that_is_read():
    async with http2_pair() as pair:
        for _ in range(99):
            task, stream_id, _ = await pair.ask()
            await pair.peer.head(stream_id)
            await pair.peer.data(stream_id, bytes(STREAM_WINDOW_BYTES))
            await task
        task, stream_id, _ = await pair.ask()
        await pair.peer.answer(stream_id, BODY[:100_000])
        assert await read_all(await task) == BODY[:100_000]


async def test_bodies_that_were_begun_and_left_do_not_hold_up_one_that_is_read():
    async with http2_pair() as pair:
        left = []
        for _ in range(2 * MAX_WIDE_STREAMS):
            task, stream_id, _ = await pair.ask()
            await pair.peer.head(stream_id)
            await pair.peer.data(stream_id, bytes(STREAM_WINDOW_BYTES // 2))
            left.append(await task)
            assert await left[-1].read()
            await until(lambda: not pair.client._outlet._waiting)
            await turns()
            while room := pair.peer.h2.local_flow_control_window(stream_id):
                await pair.peer.data(stream_id, bytes(min(room, STREAM_WINDOW_BYTES)))
        task, stream_id, _ = await pair.ask()
        await pair.peer.answer(stream_id, BODY[:100_000])
        assert await read_all(await task) == BODY[:100_000]


def test_the_connections_window_has_room_for_everything_unread():
    wide = MAX_WIDE_STREAMS * READ_STREAM_WINDOW_BYTES
    narrow = (MAX_STREAMS - MAX_WIDE_STREAMS) * STREAM_WINDOW_BYTES
    assert wide + narrow <= CONNECTION_WINDOW_BYTES // 2


async def test_a_short_body_that_nobody_reads_leaves_its_place():
    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask()
        await pair.peer.answer(stream_id, b"short")
        response = await task
        await until(lambda: pair.unused)
        assert await read_all(response) == b"short"


async def test_bodies_that_nobody_reads_do_not_use_the_connection_up(monkeypatch):
    monkeypatch.setattr(protocol, "CONNECTION_WINDOW_BYTES", 1_000_000)
    async with http2_pair() as pair:
        kept = []
        for _ in range(20):
            task, stream_id, _ = await pair.ask()
            await pair.peer.answer(stream_id, bytes(100_000))
            kept.append(await task)
        assert pair.peer.h2.outbound_flow_control_window > 0
        assert len(await read_all(kept[0])) == 100_000


async def test_bodies_that_are_too_long_do_not_use_the_connection_up(monkeypatch):
    monkeypatch.setattr(protocol, "CONNECTION_WINDOW_BYTES", 1_000_000)
    async with http2_pair() as pair:
        for _ in range(20):
            task, stream_id, _ = await pair.ask()
            await pair.peer.head(stream_id, content_length="10")
            await pair.peer.data(stream_id, bytes(100_000))
            with pytest.raises(WrongLength):
                await read_all(await task)
            await pair.peer.reset(stream_id)
        assert pair.peer.h2.outbound_flow_control_window > 0


# --- giving up


async def test_an_abort_resets_one_stream_and_leaves_the_others():
    async with http2_pair() as pair:
        tasks = [await pair.ask() for _ in range(3)]
        for _, stream_id, _ in tasks:
            await pair.peer.head(stream_id)
            await pair.peer.data(stream_id, b"begun")
        responses = [await task for task, _, _ in tasks]
        responses[1].abort()
        responses[1].abort()
        assert await pair.peer.reset(tasks[1][1]) == ErrorCodes.CANCEL
        for number in (0, 2):
            await pair.peer.data(tasks[number][1], b" and ended", end=True)
            assert await read_all(responses[number]) == b"begun and ended"
        assert pair.client.usable


async def test_a_cancelled_request_resets_its_stream():
    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask()
        task.cancel()
        assert await pair.peer.reset(stream_id) == ErrorCodes.CANCEL
        assert pair.client.streams == 0
        other, stream_id, _ = await pair.ask()
        await pair.peer.answer(stream_id)
        assert (await other).head.status == 200


async def test_a_forgotten_response_is_reset():
    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask()
        await pair.peer.head(stream_id)
        await task
        del task
        gc.collect()
        assert await pair.peer.reset(stream_id) == ErrorCodes.CANCEL


async def test_what_was_aborted_gives_its_window_back(monkeypatch):
    monkeypatch.setattr(protocol, "CONNECTION_WINDOW_BYTES", 1_000_000)
    async with http2_pair() as pair:
        for _ in range(20):
            task, stream_id, _ = await pair.ask()
            await pair.peer.head(stream_id)
            await pair.peer.data(stream_id, bytes(STREAM_WINDOW_BYTES))
            (await task).abort()
            await pair.peer.reset(stream_id)
        assert pair.peer.h2.outbound_flow_control_window > 0


async def test_data_in_flight_after_a_reset_does_no_harm():
    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask()
        await pair.peer.head(stream_id)
        response = await task
        response.abort()
        await pair.peer.data(stream_id, bytes(100_000), end=True)  # the server has not seen the reset yet
        other, stream_id, _ = await pair.ask()
        await pair.peer.answer(stream_id, b"fine")
        assert await read_all(await other) == b"fine"


# --- places


async def test_the_servers_limit_of_streams_is_kept_and_the_first_who_waits_comes_first():
    async with http2_pair(max_concurrent_streams=2) as pair:
        first, stream_id, _ = await pair.ask(path="/0")
        await turns()  # the settings arrive
        tasks = [pair.start(path=f"/{number}") for number in range(1, 5)]
        paths = ["/0"]
        for number in range(5):
            if number:
                stream_id, headers = await pair.peer.request()
                paths.append(headers[":path"])
            await turns()
            assert pair.client.streams <= 2
            await pair.peer.answer(stream_id)
        await asyncio.gather(first, *tasks)
        assert paths == [f"/{number}" for number in range(5)]


@virtual_time
async def test_a_server_that_allows_no_stream_has_had_its_time():
    async with http2_pair() as pair:
        first, stream_id, _ = await pair.ask()
        pair.peer.h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 0})
        await pair.peer.flush()
        await turns()
        with pytest.raises(ResponseTimedOut):
            await pair.send(timeouts=HttpTimeouts(response_s=0.02))
        waiting = pair.start()
        pair.peer.h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 1})
        await pair.peer.answer(stream_id)
        await first
        stream_id, _ = await pair.peer.request()
        await pair.peer.answer(stream_id)
        assert (await waiting).head.status == 200


async def test_a_limit_that_is_lowered_while_a_request_is_held_back():
    """A POST waits for a sign of life, which comes with less room than there was."""
    async with http2_pair() as pair:
        _, first, _ = await pair.ask()
        await turns()
        pair.client._liveness._heard_at -= 60
        waiting = pair.start("POST", body=b"x")
        pair.peer.h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 1})
        await pair.peer.flush()
        with pytest.raises(Resend) as again:
            await waiting
        assert isinstance(again.value.error, NotProcessed)
        assert pair.client.usable
        await pair.peer.answer(first)


async def test_those_who_gave_up_leave_no_trace_in_the_queue():
    async with http2_pair(max_concurrent_streams=1) as pair:
        _, first, _ = await pair.ask()
        await until(lambda: pair.client._slots.limit == 1)
        waiting = [pair.start() for _ in range(10)]
        await turns()
        for task in waiting[1:]:
            task.cancel()
        await asyncio.wait(waiting[1:])
        assert len(pair.client._slots._waiting) == 1
        await pair.peer.answer(first)
        await pair.peer.request()


@virtual_time
async def test_waiting_for_a_place_has_its_limit():
    async with http2_pair(max_concurrent_streams=1) as pair:
        task, stream_id, _ = await pair.ask()
        await turns()
        with pytest.raises(PoolTimedOut):
            await pair.send(timeouts=HttpTimeouts(pool_s=0.01))
        cancelled = pair.start()
        await turns()
        cancelled.cancel()
        await pair.peer.answer(stream_id)
        await task
        task, stream_id, _ = await pair.ask()
        await pair.peer.answer(stream_id)
        assert (await task).head.status == 200
        assert pair.client.streams == 0


# --- what servers refuse


async def test_a_refused_stream_may_be_sent_again_whatever_its_method():
    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask("POST", body=b"once")
        pair.peer.h2.reset_stream(stream_id, ErrorCodes.REFUSED_STREAM)
        await pair.peer.flush()
        with pytest.raises(Resend) as raised:
            await task
        assert isinstance(raised.value.error, NotProcessed)
        assert pair.client.usable


async def test_a_refused_stream_whose_body_is_gone_fails():
    async def pieces():
        yield b"once"

    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask("POST", body=pieces())
        pair.peer.h2.reset_stream(stream_id, ErrorCodes.REFUSED_STREAM)
        await pair.peer.flush()
        with pytest.raises(NotProcessed):
            await task


async def test_http1_is_required():
    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask()
        pair.peer.h2.reset_stream(stream_id, ErrorCodes.HTTP_1_1_REQUIRED)
        await pair.peer.flush()
        with pytest.raises(Resend) as raised:
            await task
        assert isinstance(raised.value.error, Http11Required)


@pytest.mark.parametrize("begun", [False, True])
async def test_a_stream_reset_by_the_server(begun):
    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask()
        if begun:
            await pair.peer.head(stream_id)
            response = await task
        pair.peer.h2.reset_stream(stream_id, ErrorCodes.INTERNAL_ERROR)
        await pair.peer.flush()
        with pytest.raises(StreamReset) as raised:
            await (response.read() if begun else task)
        assert raised.value.fields == {"reason": "INTERNAL_ERROR"}
        assert pair.client.usable


async def test_a_graceful_goodbye_lets_the_streams_that_it_names_end():
    async with http2_pair() as pair:
        first, first_id, _ = await pair.ask()
        second, second_id, _ = await pair.ask("POST", body=b"unseen")
        pair.peer.h2.close_connection(last_stream_id=first_id)
        await pair.peer.flush()
        with pytest.raises(Resend) as raised:
            await second
        assert isinstance(raised.value.error, NotProcessed)
        assert not pair.client.usable
        await pair.client.wait_until_broken()
        late = pair.start()
        with pytest.raises(Resend):
            await late
        # The library counts the connection as dead after GOAWAY, in this server too: write the answer by hand.
        block = pair.peer.h2.encoder.encode([(":status", "200")])
        await pair.peer.send(len(block).to_bytes(3, "big") + b"\x01\x05" + first_id.to_bytes(4, "big") + block)
        assert (await first).head.status == 200
        assert pair.unused >= 1
        assert second_id > first_id


@virtual_time
async def test_a_slow_answer_after_goodbye_is_late_and_not_asked_for_again():
    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask()
        await pair.peer.answer(stream_id)
        await task
        task, stream_id, _ = await pair.ask(timeouts=HttpTimeouts(response_s=0.1))
        pair.peer.h2.close_connection(last_stream_id=stream_id)
        await pair.peer.flush()
        with pytest.raises(ResponseTimedOut):
            await task


async def test_those_who_wait_for_a_place_go_elsewhere_after_goodbye():
    async with http2_pair(max_concurrent_streams=1) as pair:
        first, stream_id, _ = await pair.ask()
        await turns()
        waiting = pair.start("POST", body=b"unseen")
        await turns()
        pair.peer.h2.close_connection(last_stream_id=stream_id)
        await pair.peer.flush()
        with pytest.raises(Resend):
            await waiting
        first.cancel()


async def test_closing_says_goodbye():
    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask()
        await pair.peer.answer(stream_id)
        await task
        await pair.client.aclose()
        event = await pair.peer.event(ConnectionTerminated)
        assert event.error_code == ErrorCodes.NO_ERROR
        with pytest.raises(Resend):
            await pair.send()


async def test_dropping_the_connection_fails_what_is_under_way():
    async with http2_pair() as pair:
        task, _, _ = await pair.ask()
        pair.client.abort()
        with pytest.raises(ClientClosed):
            await task
        assert pair.unused == 1


# --- a connection that ends


async def test_an_end_before_the_answer():
    async with http2_pair() as pair:
        task, _, _ = await pair.ask()
        await pair.peer.stream.aclose()
        with pytest.raises(NoResponse):
            await task
        assert not pair.client.usable


async def test_an_end_in_the_body_comes_after_what_has_arrived():
    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask()
        await pair.peer.head(stream_id)
        await pair.peer.data(stream_id, b"half")
        response = await task
        pair.peer.stream.abort()
        await until(lambda: not pair.client.usable)
        assert await response.read() == b"half"
        with pytest.raises(BodyCut):
            await response.read()


@pytest.mark.parametrize(("method", "again"), [("GET", True), ("POST", False)])
async def test_a_kept_connection_that_dies_lets_idempotent_requests_be_sent_again(method, again):
    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask()
        await pair.peer.answer(stream_id)
        await task
        task, _, _ = await pair.ask(method)
        pair.peer.stream.abort()
        with pytest.raises(Resend if again else NoResponse):
            await task


async def test_a_new_connection_that_dies_is_the_callers_to_judge():
    async with http2_pair() as pair:
        tasks = [(await pair.ask())[0] for _ in range(2)]
        pair.peer.stream.abort()
        for task in tasks:
            with pytest.raises(NoResponse):
                await task


# --- wrong lengths


@pytest.mark.parametrize("body", [b"", b"abc", b"abcdef"])
async def test_a_body_of_another_length_fails_alone(body):
    async with http2_pair() as pair:
        other, other_id, _ = await pair.ask()
        task, stream_id, _ = await pair.ask()
        await pair.peer.head(stream_id, content_length="5")
        await pair.peer.data(stream_id, body, end=True)
        with pytest.raises(WrongLength):
            await read_all(await task)
        await pair.peer.answer(other_id, b"fine")
        assert await read_all(await other) == b"fine"


async def test_a_head_that_ends_the_stream_but_promises_a_body():
    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask()
        await pair.peer.head(stream_id, end=True, content_length="5")
        with pytest.raises(WrongLength):
            await read_all(await task)


@pytest.mark.parametrize("status", ["abc", "99", "1000", "2 0", ""])
async def test_a_status_that_is_none(status):
    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask()
        block = pair.peer.h2.encoder.encode([(":status", status)])
        await pair.peer.send(len(block).to_bytes(3, "big") + b"\x01\x05" + stream_id.to_bytes(4, "big") + block)
        with pytest.raises(Http2Violated):
            await task


async def test_a_hundred_provisional_answers():
    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask()
        for _ in range(100):
            await pair.peer.head(stream_id, 103)
        await pair.peer.answer(stream_id, b"at last")
        assert await read_all(await task) == b"at last"


async def test_provisional_answers_without_end():
    async with http2_pair() as pair:
        other, other_id, _ = await pair.ask()
        task, stream_id, _ = await pair.ask()
        for _ in range(101):
            await pair.peer.head(stream_id, 103)
        with pytest.raises(MalformedResponse):
            await task
        await pair.peer.answer(other_id)
        assert (await other).head.status == 200


# --- time


@virtual_time
async def test_no_answer_in_time():
    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask(timeouts=HttpTimeouts(response_s=0.05))
        with pytest.raises(ResponseTimedOut):
            await task
        assert await pair.peer.reset(stream_id) == ErrorCodes.CANCEL
        assert pair.client.usable


@virtual_time
async def test_the_time_for_the_answer_counts_from_the_last_piece_of_the_body():
    gate = asyncio.Event()

    async def pieces():
        for _ in range(12):
            yield b"piece"
            await asyncio.sleep(0.02)
        gate.set()

    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask("POST", body=pieces(), timeouts=HttpTimeouts(response_s=0.2))
        await gate.wait()
        assert not task.done()
        await pair.peer.answer(stream_id)
        assert (await task).head.status == 200


@virtual_time
async def test_a_body_that_stops_coming():
    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask(timeouts=HttpTimeouts(idle_s=0.05))
        await pair.peer.head(stream_id)
        response = await task
        with pytest.raises(IdleTimedOut):
            await response.read()
        assert await pair.peer.reset(stream_id) == ErrorCodes.CANCEL


@virtual_time
async def test_empty_pieces_do_not_keep_a_body_alive():
    async with http2_pair() as pair:
        task, stream_id, _ = await pair.ask(timeouts=HttpTimeouts(idle_s=0.2))
        await pair.peer.head(stream_id)
        response = await task

        async def drip() -> None:
            while True:
                await pair.peer.data(stream_id, b"")
                await asyncio.sleep(0.01)

        dripping = asyncio.create_task(drip())
        with pytest.raises(IdleTimedOut):
            await response.read()
        dripping.cancel()


@virtual_time
async def test_a_server_that_takes_no_more():
    async with http2_pair() as pair:
        pair.peer.auto_acknowledge = False
        task, stream_id, _ = await pair.ask("POST", body=BODY, timeouts=HttpTimeouts(write_s=0.05))
        with pytest.raises(WriteTimedOut):
            await task
        assert await pair.peer.reset(stream_id) == ErrorCodes.CANCEL


async def test_silence_is_questioned_and_an_answer_is_enough():
    async with http2_pair(quiet_s=0.02, answer_s=60) as pair:
        task, stream_id, _ = await pair.ask()
        await pair.peer.event(PingReceived)
        await pair.peer.event(PingReceived)  # answered by the library, and asked again
        await pair.peer.answer(stream_id)
        assert (await task).head.status == 200


async def test_silence_without_an_answer_ends_the_connection():
    async with http2_pair(quiet_s=0.5, answer_s=0.5) as pair:
        task, stream_id, _ = await pair.ask()
        await pair.peer.answer(stream_id)
        await task
        task, _, _ = await pair.ask("POST")
        await pair.peer.close()  # reads no more, and so answers nothing
        with pytest.raises(ConnectionSilent):
            await task
        assert not pair.client.usable


@virtual_time
async def test_after_a_long_silence_only_what_can_be_sent_again_is_sent_before_the_answer():
    async with http2_pair(quiet_s=0.01, answer_s=10) as pair:
        task, stream_id, _ = await pair.ask()
        await pair.peer.answer(stream_id)
        await task
        await asyncio.sleep(0.05)
        pair.peer.events.clear()
        before = len(pair.peer.raw)
        task, stream_id, _ = await pair.ask("POST", body=b"once")
        kinds = [event for event in pair.peer.events if isinstance(event, PingReceived)]
        assert len(kinds) == 1
        assert pair.peer.raw[before + 3] == 6  # PING came first
        await pair.peer.answer(stream_id)
        assert (await task).head.status == 200


@virtual_time
async def test_an_idle_connection_may_be_silent():
    async with http2_pair(quiet_s=0.01, answer_s=0.01) as pair:
        task, stream_id, _ = await pair.ask()
        await pair.peer.answer(stream_id)
        await task
        pair.peer.events.clear()
        await asyncio.sleep(0.1)
        assert pair.client.usable
        assert not pair.peer.events
