"""What a server may send that is no WebSocket, or not a right one: bounded memory and a typed error."""

from __future__ import annotations

import asyncio
import tracemalloc
from itertools import repeat

import pytest
from support.kernel_connector import KernelConnector
from support.tls_server import serve
from support.waiting import until
from support.websocket_server import accept, answering, deflated, drain, frame, speaking
from websockets.utils import apply_mask

from mix_protocol.errors import NetworkFailure
from mix_tunnel.runtime.websocket import WebSocketOptions, connect_websocket, handshake
from mix_tunnel.runtime.websocket.errors import (
    ConnectionClosedError,
    ConnectionClosedOK,
    HandshakeAborted,
    HandshakeTooLarge,
    InvalidHandshake,
    InvalidHandshakeMessage,
    InvalidHeader,
    InvalidStatus,
    InvalidUpgrade,
    NegotiationError,
    OpenTimedOut,
)

DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate"
CLOSE = b"\x88\x02\x03\xe8"


async def connect(port: int, **options):
    given = WebSocketOptions(**{"ping_interval_s": None, "close_timeout_s": 60.0, **options})
    return await connect_websocket(KernelConnector(), f"ws://demo.test:{port}/secret", given)


REFUSALS = [
    (b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno", InvalidStatus),
    (b"HTTP/1.1 302 Found\r\nLocation: ws://other.test/\r\nContent-Length: 0\r\n\r\n", InvalidStatus),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", InvalidStatus),
    (b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", InvalidStatus),
    (b"HTTP/1.1 101 OK\r\nUpgrade: websocket\r\n\r\n", InvalidUpgrade),
    (b"HTTP/1.1 101 OK\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", InvalidUpgrade),
    (b"HTTP/1.1 101 OK\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", InvalidHeader),
    (
        b"HTTP/1.1 101 OK\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
        InvalidHeader,
    ),
    (b"HTTP/1.0 101 OK\r\n\r\n", InvalidHandshakeMessage),
    (b"SSH-2.0-OpenSSH\r\n", InvalidHandshakeMessage),
    (b"\x16\x03\x01" + bytes(200) + b"\r\n", InvalidHandshakeMessage),
    (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000 + b"\r\n", HandshakeTooLarge),
    (b"HTTP/1.1 101 " + b"x" * 263_000, HandshakeTooLarge),
    (b"HTTP/1.1 101 OK\r\nX: " + b"x" * 263_000, HandshakeTooLarge),
    (b"HTTP/1.1 102 Processing\r\n\r\n" * 17, HandshakeTooLarge),
    (b"HTTP/1.1 404 No\r\nContent-Length: 99999999\r\n\r\n" + bytes(100_000), InvalidStatus),
    (b"HTTP/1.1 404 No\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", InvalidStatus),
    (b"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\nno chunk", InvalidStatus),
]


@pytest.mark.parametrize(("answer", "error"), REFUSALS, ids=[str(number) for number in range(len(REFUSALS))])
async def test_an_answer_that_opens_no_websocket(answer, error):
    async with answering(lambda request: answer, drain) as port:
        with pytest.raises(InvalidHandshake) as caught:
            await connect(port)
    assert type(caught.value) is error
    assert "secret" not in str(caught.value)
    assert "other.test" not in str(caught.value)


async def test_a_refusal_tells_its_status_and_body():
    async with answering(lambda request: REFUSALS[0][0], drain) as port:
        with pytest.raises(InvalidStatus, match="401") as caught:
            await connect(port)
    assert caught.value.fields == {"status": 401}
    assert (caught.value.response.status_code, caught.value.response.body) == (401, b"no")


BODIES = [
    (b"Content-Length: 5\r\n\r\nnever mind", b"never"),
    (b"Transfer-Encoding: chunked\r\n\r\n2\r\nne\r\n3\r\nver\r\n0\r\n\r\n", b"never"),
    (b"Content-Length: 99\r\n\r\ncut", b"cut"),
    (b"\r\nuntil the end", b"until the end"),
    (b"Content-Length: 99999999\r\n\r\n" + b"x" * 70_000, b"x" * 65_536),
]


@pytest.mark.parametrize(("rest", "body"), BODIES, ids=["length", "chunks", "cut", "end", "large"])
async def test_a_refusal_is_told_with_as_much_of_its_body_as_comes(rest, body):
    async with answering(lambda request: b"HTTP/1.1 403 No\r\n" + rest) as port:
        with pytest.raises(InvalidStatus, match="403") as caught:
            await connect(port)
    assert caught.value.response.body == body


async def test_a_refusal_whose_body_never_ends_is_told_all_the_same(monkeypatch):
    monkeypatch.setattr(handshake, "REFUSAL_S", 0.05)
    async with answering(lambda request: b"HTTP/1.1 403 No\r\n\r\nsome", drain) as port:
        with pytest.raises(InvalidStatus, match="403") as caught:
            await connect(port)
    assert caught.value.response.body == b"some"


async def test_headers_without_end():
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for line in repeat(b"X: " + b"y" * 1000 + b"\r\n"):
            writer.write(line)
            await writer.drain()

    async with answering(lambda request: b"HTTP/1.1 101 OK\r\n", flood) as port:
        with pytest.raises(HandshakeTooLarge):
            await connect(port)


async def test_no_answer():
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)

    async with serve(hang_up) as port:
        with pytest.raises(NetworkFailure) as caught:
            await connect(port)
    assert caught.value.code in (
        "websocket.handshake_aborted",
        "tcp.kernel",
        "tcp.connection_reset",
    )  # an end, or a reset
    async with answering(lambda request: b"HTTP/1.1 101 Switching") as port:
        with pytest.raises(HandshakeAborted):
            await connect(port)
    async with answering(lambda request: b"HTTP/1.1 101 Switching", drain) as port:
        with pytest.raises(OpenTimedOut):
            await connect(port, open_timeout_s=0.05)


@pytest.mark.parametrize(
    "header",
    [
        b"Sec-WebSocket-Protocol: other",
        b"Sec-WebSocket-Extensions: other",
        b"Sec-WebSocket-Extensions: permessage-deflate; unknown",
        b"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99",
    ],
)
async def test_what_was_not_offered_is_refused(header):
    async with speaking(b"", header) as port:
        with pytest.raises(NegotiationError):
            await connect(port, subprotocols=["chat"])


async def test_two_subprotocols_are_refused():
    async with speaking(b"", b"Sec-WebSocket-Protocol: chat, super") as port:
        with pytest.raises(InvalidHeader):
            await connect(port, subprotocols=["chat", "super"])


BROKEN = [
    (frame(9, b"x" * 126), 1002),
    (frame(9, b"x", fin=False), 1002),
    (frame(8, b"x"), 1002),
    (frame(8, (1005).to_bytes(2, "big")), 1002),
    (frame(8, b"\x03\xe8\xff"), 1007),
    (frame(3, b""), 1002),
    (frame(11, b""), 1002),
    (frame(0, b"x"), 1002),
    (frame(1, b"x", fin=False) + frame(1, b"y"), 1002),
    (frame(1, b"x", rsv1=True), 1002),
    (b"\x91\x00", 1002),
    (b"\x81\x81abcd\x00", 1002),
    (frame(1, b"\xff"), 1007),
    (frame(1, b"\xc3", fin=False) + frame(0, b"("), 1007),
    (frame(1, b"\xc3"), 1007),
    (b"\x82\x7f" + (2**63).to_bytes(8, "big"), 1009),
    (frame(2, b"x" * 1001), 1009),
    (frame(2, b"x" * 600, fin=False) + frame(0, b"x" * 600, fin=False), 1009),
]


@pytest.mark.parametrize(("frames", "code"), BROKEN)
async def test_broken_frames_end_the_websocket_with_their_code(frames, code):
    received = bytearray()

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            received.extend(data)

    async with speaking(frame(1, b"before") + frames, then=note) as port:
        websocket = await connect(port, max_message_bytes=1000, compression=None)
        assert await websocket.recv() == "before"
        with pytest.raises(ConnectionClosedError) as caught:
            await websocket.recv()
        assert caught.value.rcvd is None
        assert caught.value.sent.code == code
        assert websocket.close_code == 1006
        await until(lambda: received[:1] == b"\x88")
        assert apply_mask(bytes(received[6:8]), bytes(received[2:6])) == code.to_bytes(2, "big")
        assert str(code) in str(caught.value)


async def test_the_end_without_a_close_frame():
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with speaking(frame(1, b"cut", fin=False), then=hang_up) as port:
        websocket = await connect(port)
        with pytest.raises(ConnectionClosedError) as caught:
            await websocket.recv()
        assert (caught.value.rcvd, caught.value.sent) == (None, None)
        assert caught.value.fields["close_code"] == 1006


async def test_a_close_frame_that_comes_with_the_answer():
    async with speaking(CLOSE) as port:
        websocket = await connect(port)
        with pytest.raises(ConnectionClosedOK):
            await websocket.recv()


async def test_a_close_frame_in_the_middle_of_a_message_is_one():
    async with speaking(frame(1, b"half", fin=False) + CLOSE) as port:
        websocket = await connect(port)
        with pytest.raises(ConnectionClosedOK):
            await websocket.recv()


async def test_deflate_bombs_are_not_inflated():
    bomb = deflated(bytes(200_000_000))
    async with speaking(frame(2, bomb, rsv1=True), DEFLATE) as port:
        tracemalloc.start()
        try:
            websocket = await connect(port, max_message_bytes=1_000_000)
            with pytest.raises(ConnectionClosedError) as caught:
                await websocket.recv()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert caught.value.sent.code == 1009
    assert peak < 20_000_000


async def test_many_small_bombs_fill_the_queue_and_no_more():
    message = frame(2, deflated(bytes(900_000)), rsv1=True)
    compressor_context = b"; server_no_context_takeover"
    async with speaking(message * 200, DEFLATE + compressor_context) as port:
        websocket = await connect(port, max_message_bytes=1_000_000, queue_bytes=1_000_000)
        await until(lambda: websocket._link.incoming.is_full)
        await asyncio.sleep(0.05)
        assert websocket._link.incoming._bytes < 10_000_000
        for _ in range(200):
            assert len(await websocket.recv()) == 900_000


async def test_bytes_that_are_not_deflated():
    async with speaking(frame(2, b"\xff" * 100, rsv1=True), DEFLATE) as port:
        websocket = await connect(port)
        with pytest.raises(ConnectionClosedError) as caught:
            await websocket.recv()
        assert caught.value.sent.code == 1002


async def test_fragments_without_end_cost_no_memory():
    empty = frame(0, b"", fin=False) * 10_000

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(4):
            writer.write(empty)
            await writer.drain()
        writer.write(frame(0, b"end"))

    async with speaking(frame(1, b"", fin=False), then=flood) as port:
        tracemalloc.start()
        try:
            websocket = await connect(port)
            assert await websocket.recv() == "end"
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 5_000_000


async def test_pings_of_a_server_that_takes_no_pongs_are_not_read_for_ever():
    pinged = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal pinged
        writer.transport.pause_reading()
        while True:
            writer.write(frame(9, b"x" * 100) * 100)
            pinged += 100
            await writer.drain()

    async with speaking(b"", then=flood) as port:
        websocket = await connect(port)
        before = -1
        while pinged != before:  # it stands still in the end
            before = pinged
            await asyncio.sleep(0.2)
        assert websocket._link.outgoing._control_bytes < 1_000_000
        websocket.abort()


async def test_a_server_that_floods_instead_of_closing_is_dropped():
    dropped = asyncio.Event()

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(frame(2, b"x" * 60_000))
                await writer.drain()
        except OSError:
            dropped.set()

    async with speaking(frame(3, b""), then=flood) as port:
        websocket = await connect(port)
        with pytest.raises(ConnectionClosedError):
            await websocket.recv()
        await dropped.wait()


async def test_a_handshake_answer_in_single_bytes():
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        for byte in accept(request) + frame(1, b"slow") + CLOSE:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        await drain(reader, writer)

    async with serve(drip) as port:
        websocket = await connect(port)
        assert await websocket.recv() == "slow"
        with pytest.raises(ConnectionClosedOK):
            await websocket.recv()
