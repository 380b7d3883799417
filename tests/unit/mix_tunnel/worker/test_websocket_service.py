"""The page's WebSockets behind a real `RpcServer`, to real servers over the kernel's sockets."""

from __future__ import annotations

import asyncio
import json

import pytest
from support.kernel_connector import KernelConnector
from support.ready_tunnels import ReadyTunnels
from support.waiting import PATIENCE_S, until
from support.websocket_server import answering, drain, serving, speaking
from websockets.asyncio.server import ServerConnection

from mix_tunnel.rpc.endpoint import memory_pair
from mix_tunnel.rpc.records import Record, RecordDecoder
from mix_tunnel.rpc.server import RpcServer
from mix_tunnel.worker.websocket_service import Kind, WebSocketService

WINDOW = 512 * 1024


class Page:
    """Speaks to the worker in plain JSON, as JavaScript does; one WebSocket, whose call has the id 1."""

    def __init__(self) -> None:
        here, self._endpoint = memory_pair()
        self.tunnel = KernelConnector()
        self.server = RpcServer(here)
        self.server.offer(WebSocketService(ReadyTunnels(self.tunnel)).methods)
        self.server.start()
        self._messages: asyncio.Queue = asyncio.Queue()
        self._granted = 0
        self._more = asyncio.Event()
        self._decoder = RecordDecoder(100_000_000)
        self._records: list[Record] = []
        self._endpoint.listen(self._receive)

    def _receive(self, head, body):
        message = json.loads(head)
        if message["type"] == "credit":
            self._granted += message["bytes"]
            self._more.set()
        else:
            self._messages.put_nowait((message, body))

    def _say(self, type, body=None, **members):
        self._endpoint.send(json.dumps({"version": 1, "id": 1, "type": type, **members}), body)

    async def next_message(self):
        return await asyncio.wait_for(self._messages.get(), PATIENCE_S)

    async def open(self, port, *, credit=1 << 30, upload=True, **params):
        self._say("call", method="websocket.open", params={"url": f"ws://demo.test:{port}/", **params}, upload=upload)
        if credit:
            self.grant(credit)
        return (await self.next_message())[0]

    def grant(self, count):
        self._say("credit", bytes=count)

    def cancel(self):
        self._say("cancel")

    async def send(self, kind, payload=b""):
        data = Record(kind, payload).encode()
        while data:
            while not self._granted:
                self._more.clear()
                await self._more.wait()
            part, data = data[: self._granted], data[self._granted :]
            self._granted -= len(part)
            self._say("chunk", part, end=False)

    async def next(self, *, kinds=(Kind.TEXT, Kind.BINARY, Kind.CLOSE)):
        """The next record of these kinds; None at the end, or the error that ended the body."""
        while True:
            for record in tuple(self._records):
                self._records.remove(record)
                if record.kind in kinds:
                    return record
            message, body = await self.next_message()
            if message["type"] == "error":
                return message
            if message.get("end"):
                return None
            self._records += self._decoder.receive(body)


@pytest.fixture
async def page():
    page = Page()
    yield page
    await page.server.aclose()


async def test_messages_both_ways_and_an_orderly_end(page):
    async with serving(subprotocols=["chat"]) as port:
        told = await page.open(
            port, protocols=["chat"], headers=[["X-Own", "1"]], compression={"clientMaxWindowBits": 10}
        )
        assert told["value"] == {
            "protocol": "chat",
            "extensions": "permessage-deflate; server_max_window_bits=12; client_max_window_bits=10",
        }
        for kind, payload in ((Kind.TEXT, "grüße".encode()), (Kind.BINARY, b"\x00"), (Kind.TEXT, b"")):
            await page.send(kind, payload)
            assert await page.next() == Record(kind, payload)
        await page.send(Kind.CLOSE, (4000).to_bytes(2, "big") + b"enough")
        assert await page.next() == Record(Kind.CLOSE, (4000).to_bytes(2, "big") + b"enough")
        assert await page.next() is None


async def test_pieces_make_one_message_and_what_has_left_is_told(page):
    async with serving(max_size=None) as port:
        await page.open(port, compression=False)
        await page.send(Kind.TEXT_PIECE, b"x" * 65_536)
        await page.send(Kind.TEXT_PIECE, b"\xc3")
        await page.send(Kind.TEXT, b"\xbc")
        sent = [await page.next(kinds=(Kind.SENT,)) for _ in range(4)]
        counts = [(int.from_bytes(r.payload[:4], "big"), int.from_bytes(r.payload[4:], "big")) for r in sent]
        assert counts == [(65_536, 0), (1, 0), (1, 0), (0, 1)]
        assert (await page.next()).payload == b"x" * 65_536 + b"\xc3\xbc"


async def test_a_close_without_code(page):
    async with serving() as port:
        await page.open(port)
        await page.send(Kind.CLOSE)
        assert await page.next() == Record(Kind.CLOSE, (1005).to_bytes(2, "big"))


async def test_pings_tell_the_latency(page):
    async with serving() as port:
        await page.open(port, pingIntervalMs=10)
        record = await page.next(kinds=(Kind.LATENCY,))
        assert int.from_bytes(record.payload, "big") > 0


async def test_failures_tell_their_code(page):
    async with answering(lambda request: b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", drain) as port:
        told = await page.open(port)
    assert (told["type"], told["code"], told["fields"]) == ("error", "websocket.invalid_status", {"status": 403})


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"url": "ftp://a.test/"}, "websocket.invalid_uri"),
        ({"protocols": ["a", "a"]}, "websocket.invalid_option"),
        ({"headers": [["Upgrade", "x"]]}, "websocket.invalid_option"),
        ({"compression": {"unknown": 1}}, "websocket.invalid_option"),
        ({"compression": {"clientMaxWindowBits": 99}}, "websocket.invalid_option"),
        ({"maxMessageBytes": 0}, "websocket.invalid_option"),
        ({"pingIntervalMs": -1}, "websocket.invalid_option"),
        ({"openTimeoutMs": "soon"}, "rpc.invalid_parameters"),
        ({"upload": False}, "rpc.invalid_parameters"),
    ],
)
async def test_wrong_parameters(page, params, code):
    assert (await page.open(1, **params))["code"] == code


async def test_a_broken_connection_is_an_error_after_the_messages_before(page):
    async with speaking(b"\x81\x02ok" + b"\x83\x00") as port:
        await page.open(port)
        assert await page.next() == Record(Kind.TEXT, b"ok")
        assert (await page.next())["code"] == "websocket.closed_error"


async def test_a_record_that_is_none_ends_the_connection(page):
    async with serving() as port:
        await page.open(port)
        await page.send(99, b"x")
        assert (await page.next())["code"] == "rpc.malformed"
        await until(lambda: page.tunnel.network.streams[0].aborted)


async def test_cancelling_drops_the_connection(page):
    async with serving() as port:
        await page.open(port)
        await page.send(Kind.TEXT, b"x")
        assert (await page.next()).payload == b"x"
        page.cancel()
        assert (await page.next())["code"] == "rpc.cancelled"
        assert page.tunnel.network.streams[0].aborted
        await until(lambda: page.server._open == {})


async def test_a_page_without_credit_stops_the_server(page):
    sent = 0

    async def flood(websocket: ServerConnection) -> None:
        nonlocal sent
        while True:
            await websocket.send(b"x" * 100_000)
            sent += 1

    async with serving(flood, compression=None) as port:
        await page.open(port, credit=WINDOW)
        before = -1
        while sent != before:  # it stands still in the end
            before = sent
            await asyncio.sleep(0.1)
        stood = sent
        assert stood < 200
        page.grant(1 << 30)
        for _ in range(stood + 1):
            assert len((await page.next()).payload) == 100_000
        page.cancel()
