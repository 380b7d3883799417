"""Our WebSocket and the `websockets` library's server, over kernel sockets."""

from __future__ import annotations

import asyncio

import pytest
import websockets
from support.kernel_connector import KernelConnector
from support.tls_server import certificate, server_context
from support.waiting import until
from support.websocket_server import echo, serving, speaking
from websockets.asyncio.server import ServerConnection
from websockets.protocol import State

from mix_tunnel.runtime.http.request import USER_AGENT
from mix_tunnel.runtime.websocket import Compression, WebSocketOptions, connect_websocket
from mix_tunnel.runtime.websocket.errors import (
    ConcurrencyError,
    ConnectionClosedError,
    ConnectionClosedOK,
    ControlFrameTooLong,
    InsecureWebSocket,
    InvalidCloseCode,
    InvalidWebSocketMessage,
    OpenTimedOut,
    closed_error,
)
from mix_tunnel.runtime.websocket.pings import Pings

SILENT = {"ping_interval_s": None}


async def connect(
    port: int, path: str = "/", *, scheme: str = "ws", connector: KernelConnector | None = None, **options
):
    tunnel = connector or KernelConnector()
    url = f"{scheme}://demo.test:{port}{path}"
    return await connect_websocket(tunnel, url, WebSocketOptions(**{**SILENT, **options}))


async def test_text_and_bytes_come_back_over_tls():
    context = server_context(certificate("demo.test"), alpn=["h2", "http/1.1"])
    async with serving(context=context) as port, await connect(port, scheme="wss") as websocket:
        for message in ("grüße", "", b"\x00\xff", b"", "x" * 200_000, b"y" * 200_000):
            await websocket.send(message)
            assert await websocket.recv() == message
        assert websocket.remote_address == ("127.0.0.1", port)
    assert (websocket.state, websocket.close_code, websocket.close_reason) == (State.CLOSED, 1000, "")


async def test_the_handshake_is_a_browsers_and_the_callers_headers_win():
    seen = []

    async def note(websocket: ServerConnection) -> None:
        seen.append(websocket.request)

    async with serving(note, subprotocols=["chat"]) as port:
        options = {"subprotocols": ["super", "chat"], "headers": [("Authorization", "Bearer x"), ("pragma", "own")]}
        async with await connect(port, "/a?b", origin="https://page.test", **options) as websocket:
            assert websocket.subprotocol == "chat"
            assert websocket.extensions.startswith("permessage-deflate")
    headers = seen[0].headers
    assert seen[0].path == "/a?b"
    assert [headers[name] for name in ("User-Agent", "Origin", "Authorization")] == [
        USER_AGENT,
        "https://page.test",
        "Bearer x",
    ]
    assert headers.get_all("Pragma") == ["own"]
    names = [name for name, _ in headers.raw_items()]
    assert names[:3] == ["Host", "Connection", "Cache-Control"]


async def test_fragments_and_the_kinds_of_bytes():
    seen = asyncio.Queue()

    async def note(websocket: ServerConnection) -> None:
        while True:
            seen.put_nowait([piece async for piece in websocket.recv_streaming()])

    async def later():
        yield b"a"
        yield bytearray(b"b")

    async with serving(note) as port, await connect(port, compression=None) as websocket:
        await websocket.send(["one", "two"])
        assert await seen.get() == ["one", "two", ""]
        await websocket.send(later())
        assert await seen.get() == [b"a", b"b", b""]
        await websocket.send(b"text", text=True)
        assert await seen.get() == ["text"]
        await websocket.send("bytes", text=False)
        assert await seen.get() == [b"bytes"]
        await websocket.send([])
        await websocket.send(memoryview(b"z" * 70_000))
        assert [len(piece) for piece in await seen.get()] == [65_536, 4_464]


async def test_receiving_in_fragments_and_decoded_otherwise():
    async def send(websocket: ServerConnection) -> None:
        await websocket.send(["gr", "ü", "n"])
        await websocket.send("text")
        await websocket.send(b"bytes")
        await websocket.wait_closed()

    async with serving(send) as port, await connect(port) as websocket:
        assert [piece async for piece in websocket.recv_streaming()] == ["gr", "ü", "n", ""]
        assert await websocket.recv(decode=False) == b"text"
        assert await websocket.recv(decode=True) == "bytes"


async def test_what_is_no_message_is_refused():
    async with serving() as port, await connect(port) as websocket:
        for wrong in (7, None, {"a": 1}, "\ud800"):
            with pytest.raises(InvalidWebSocketMessage):
                await websocket.send(wrong)
        await websocket.send("still open")
        assert await websocket.recv() == "still open"
        with pytest.raises(TypeError):
            await websocket.send(["a", b"b"])
        with pytest.raises(ConnectionClosedError):
            await websocket.recv()


async def test_a_cancelled_receiver_loses_nothing_and_two_are_refused():
    async with serving() as port, await connect(port) as websocket:
        waiting = asyncio.create_task(websocket.recv())
        await until(lambda: websocket._receiving)
        with pytest.raises(ConcurrencyError):
            await websocket.recv()
        waiting.cancel()
        await asyncio.wait({waiting})
        await websocket.send("later")
        assert await websocket.recv() == "later"


async def test_messages_keep_their_order_whoever_sends_them():
    async with serving() as port, await connect(port) as websocket:
        sending = [asyncio.create_task(websocket.send(str(number) * 40_000)) for number in range(9)]
        assert [(await websocket.recv())[0] for _ in range(9)] == [str(number) for number in range(9)]
        await asyncio.gather(*sending)


async def test_pings_measure_the_latency():
    async with serving() as port, await connect(port) as websocket:
        told = []
        websocket.watch_latency(told.append)
        assert websocket.latency == 0
        first, second = await websocket.ping(), await websocket.ping("second")
        assert await second > 0
        assert first.done()
        assert websocket.latency == told[-1] > 0
        with pytest.raises(ControlFrameTooLong):
            await websocket.ping(b"x" * 126)
        with pytest.raises(ControlFrameTooLong):
            await websocket.pong(b"x" * 126)
        await websocket.pong("heartbeat")
        pong = await websocket.ping("twice")
        with pytest.raises(ConcurrencyError):
            await websocket.ping(b"twice")
        await pong


async def test_a_pong_answers_all_pings_before_it():
    told = []
    pings = Pings(told.append)
    (first, one), (second, two), (_, three) = (pings.add(None), pings.add(None), pings.add(None))
    pings.receive_pong(b"unasked")
    pings.receive_pong(second)
    assert (one.done(), two.done(), three.done(), len(told)) == (True, True, False, 1)
    pings.receive_pong(first)
    pings.fail(lambda: closed_error(None, None, None, None))
    with pytest.raises(ConnectionClosedError):
        await three


async def test_keep_alive_gives_up_on_a_silent_server():
    async def ignore(websocket: ServerConnection) -> None:
        websocket.transport.pause_reading()
        await websocket.wait_closed()

    async with serving(ignore) as port:
        websocket = await connect(port, ping_interval_s=0.01, ping_timeout_s=0.05, close_timeout_s=0.05)
        with pytest.raises(ConnectionClosedError) as caught:
            await websocket.recv()
        assert caught.value.sent.code == 1011
        assert caught.value.rcvd is None
        assert websocket.close_code == 1006


async def test_keep_alive_measures_by_itself():
    async with serving() as port, await connect(port, ping_interval_s=0.01) as websocket:
        await until(lambda: websocket.latency > 0)
        await websocket.send("alive")
        assert await websocket.recv() == "alive"


async def test_the_server_closes_and_its_last_messages_count():
    async def leave(websocket: ServerConnection) -> None:
        await websocket.send("bye")
        await websocket.close(4001, "enough")

    async with serving(leave) as port:
        websocket = await connect(port)
        await websocket.wait_closed()
        assert await websocket.recv() == "bye"
        with pytest.raises(ConnectionClosedError) as caught:
            await websocket.recv()
        assert isinstance(caught.value, websockets.ConnectionClosedError)
        assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (4001, "enough")
        assert caught.value.rcvd_then_sent
        assert caught.value.fields["close_code"] == 4001
        with pytest.raises(ConnectionClosedError):
            await websocket.send("too late")
        await websocket.close()


async def test_iteration_ends_with_an_orderly_close():
    async def count(websocket: ServerConnection) -> None:
        for number in range(3):
            await websocket.send(str(number))

    async with serving(count) as port:
        websocket = await connect(port)
        assert [message async for message in websocket] == ["0", "1", "2"]
        with pytest.raises(websockets.ConnectionClosedOK) as caught:
            await websocket.recv()
        assert caught.value.code == "websocket.closed_ok"


async def test_closing_takes_code_and_reason_and_refuses_wrong_ones():
    closed = asyncio.Queue()

    async def note(websocket: ServerConnection) -> None:
        await websocket.wait_closed()
        closed.put_nowait((websocket.close_code, websocket.close_reason))

    async with serving(note) as port:
        websocket = await connect(port)
        for code, reason in ((999, ""), (1005, ""), (1006, ""), (5000, ""), ("x", ""), (1000, "x" * 124), (None, "x")):
            with pytest.raises(InvalidCloseCode):
                await websocket.close(code, reason)
        await websocket.close(3000, "grün")
        assert await closed.get() == (3000, "grün")
        await websocket.close(4000)  # has no effect any more
        await (await connect(port)).close(None)
        assert await closed.get() == (1005, "")
        with pytest.raises(RuntimeError):
            async with await connect(port):
                raise RuntimeError
        assert (await closed.get())[0] == 1011


async def test_what_the_server_still_sends_while_we_close_can_be_received():
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)  # our close frame
        writer.write(b"\x81\x04late" + b"\x88\x02\x03\xe8")

    async with speaking(b"", then=answer) as port:
        websocket = await connect(port)
        await websocket.close()
        assert await websocket.recv() == "late"
        with pytest.raises(ConnectionClosedOK):
            await websocket.recv()


async def test_a_server_that_does_not_answer_our_close_is_dropped():
    async def ignore(websocket: ServerConnection) -> None:
        websocket.transport.pause_reading()
        await websocket.wait_closed()

    connector = KernelConnector()
    async with serving(ignore) as port:
        websocket = await connect(port, connector=connector, close_timeout_s=0.05)
        await websocket.close()
        assert websocket.close_code == 1006
        assert connector.network.streams[0].aborted


async def test_who_does_not_receive_stops_the_server():
    sent = 0

    async def flood(websocket: ServerConnection) -> None:
        nonlocal sent
        while True:
            await websocket.send(b"x" * 10_000)
            sent += 1

    connector = KernelConnector(receive_buffer_bytes=4096)
    async with serving(flood, write_limit=4096) as port:
        websocket = await connect(port, connector=connector, queue_bytes=50_000, compression=None)
        await until(lambda: websocket._link.incoming.is_full)
        before = -1
        while sent != before:  # it stands still in the end
            before = sent
            await asyncio.sleep(0.1)
        assert websocket._link.incoming.is_full
        assert websocket._link.incoming._bytes < 150_000
        stood = sent
        for _ in range(stood):
            assert len(await websocket.recv()) == 10_000
        await until(lambda: sent > stood)
        await websocket.close()


async def test_who_sends_waits_for_a_server_that_does_not_receive():
    go_on = asyncio.Event()

    async def wait(websocket: ServerConnection) -> None:
        await go_on.wait()
        async for _ in websocket:
            pass

    async with serving(wait, max_queue=1, max_size=None) as port, await connect(port, compression=None) as websocket:
        sending = asyncio.create_task(websocket.send(b"x" * 30_000_000))
        await until(lambda: websocket.buffered_amount > 0)
        assert not sending.done()
        go_on.set()
        await sending
        assert websocket.buffered_amount <= 32_768


async def test_a_ping_is_answered_in_the_middle_of_a_long_message():
    answered = asyncio.Event()

    async def ping(websocket: ServerConnection) -> None:
        await (await websocket.ping())
        answered.set()
        async for _ in websocket:
            pass

    async with serving(ping, max_size=None) as port, await connect(port, compression=None) as websocket:
        await websocket.send(b"x" * 5_000_000)
        await answered.wait()


async def test_aborting_drops_the_connection():
    connector = KernelConnector()
    async with serving() as port:
        websocket = await connect(port, connector=connector)
        receiving = asyncio.create_task(websocket.recv())
        await until(lambda: websocket._receiving)
        websocket.abort()
        websocket.abort()
        with pytest.raises(ConnectionClosedError):
            await receiving
        assert connector.network.streams[0].aborted
        await until(lambda: not websocket._link._tasks)


@pytest.mark.parametrize(
    "compression",
    [
        Compression(server_no_context_takeover=True, client_no_context_takeover=True),
        Compression(server_max_window_bits=9, client_max_window_bits=9),
        None,
    ],
)
async def test_compression_with_parameters(compression):
    async with serving() as port, await connect(port, compression=compression) as websocket:
        assert ("permessage-deflate" in websocket.extensions) == (compression is not None)
        for _ in range(3):
            await websocket.send("again and again " * 1000)
            assert await websocket.recv() == "again and again " * 1000


async def test_opening_has_a_time_limit_and_leaves_nothing():
    connector = KernelConnector()
    blocked = asyncio.Event()

    async def wait(connection: ServerConnection, request: object) -> None:
        await blocked.wait()

    async with serving(process_request=wait) as port:
        with pytest.raises(OpenTimedOut) as caught:
            await connect(port, connector=connector, open_timeout_s=1)
        assert isinstance(caught.value, TimeoutError)
        opening = asyncio.create_task(connect(port, connector=connector))
        await until(lambda: len(connector.network.streams) == 2)
        opening.cancel()
        await asyncio.wait({opening})
        assert all(stream.aborted for stream in connector.network.streams)
        blocked.set()


async def test_only_encrypted_ones_where_that_is_wanted():
    with pytest.raises(InsecureWebSocket):
        await connect_websocket(KernelConnector(), "ws://demo.test/", WebSocketOptions(), secure_only=True)


async def test_a_callers_own_trust_replaces_the_tunnels():
    import ssl

    from mix_tunnel.runtime.tls_errors import UnknownIssuer

    context = server_context(certificate("demo.test"))
    async with serving(echo, context) as port:
        with pytest.raises(UnknownIssuer):
            await connect(port, scheme="wss", ssl_context=ssl.create_default_context())
