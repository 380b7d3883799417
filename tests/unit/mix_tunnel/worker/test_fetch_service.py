"""`fetch.start` behind a real `RpcServer`, over real HTTP: what is asked, what comes back, and what a cancel stops."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from support.http_server import serve_answers, serve_conversations
from support.kernel_tunnel import kernel_tunnel
from support.ready_tunnels import ReadyTunnels
from support.waiting import PATIENCE_S, until

from mix_tunnel.options import TunnelOptions
from mix_tunnel.rpc.endpoint import memory_pair
from mix_tunnel.rpc.server import RpcServer
from mix_tunnel.runtime.http.request import HttpTimeouts
from mix_tunnel.worker.fetch_service import FetchParameters, FetchService

CREDIT = 1_000_000


class Page:
    """Sends calls as plain JSON, as JavaScript does."""

    def __init__(self, endpoint) -> None:
        self._endpoint = endpoint
        self._arrived = asyncio.Queue()
        endpoint.listen(lambda head, body: self._arrived.put_nowait((json.loads(head), body)))

    def send(self, type_: str, id_: int = 1, body: bytes | None = None, **members) -> None:
        self._endpoint.send(json.dumps({"version": 1, "type": type_, "id": id_, **members}), body)

    def start(self, url: str, *, body: bytes | None = None, upload: bool = False, credit: int = CREDIT, **params):
        self.send("call", method="fetch.start", params={"url": url, **params}, upload=upload, body=body)
        if credit:
            self.send("credit", bytes=credit)

    async def next(self, type_: str):
        """The next message, apart from credit unless it is asked for."""
        while True:
            message, body = await asyncio.wait_for(self._arrived.get(), PATIENCE_S)
            if message["type"] == type_:
                return message, body
            assert message["type"] == "credit", message

    async def body(self) -> bytes:
        whole = b""
        while True:
            message, piece = await self.next("chunk")
            whole += piece or b""
            if message["end"]:
                return whole


@asynccontextmanager
async def page(**options):
    ours, theirs = memory_pair()
    server = RpcServer(theirs)
    async with kernel_tunnel(options=TunnelOptions(**options) if options else None) as tunnel:
        server.offer(FetchService(ReadyTunnels(tunnel)).methods)
        server.start()
        yield Page(ours)
        await server.aclose()


async def echo(conversation, received):
    await conversation.respond(body=received.body, X_Method=received.method, Location="/there")


async def test_a_body_each_way():
    async with page() as worker, serve_answers(echo) as server:
        worker.start(server.url(), method="PUT", body=b"hello", headers=[["X-Own", "1"]])
        message, _ = await worker.next("result")
        assert message["stream"]
        assert message["value"]["status"] == 200
        assert ["X-Method", "PUT"] in message["value"]["headers"]
        assert message["value"]["url"] == server.url()
        assert await worker.body() == b"hello"
        assert server.requests[0].headers["x-own"] == "1"


async def test_an_upload_in_pieces():
    async with page() as worker, serve_answers(echo) as server:
        worker.start(server.url(), method="POST", upload=True)
        await worker.next("credit")
        worker.send("chunk", body=b"one ", end=False)
        worker.send("chunk", body=b"two", end=True)
        await worker.next("result")
        assert await worker.body() == b"one two"


async def test_options_reach_the_engine():
    async def answer(conversation, received):
        await conversation.respond(302, Location=received.target + "x")

    async with page() as worker, serve_answers(answer) as server:
        worker.start(server.url(), maxRedirects=2)
        message, _ = await worker.next("error")
        assert (message["code"], len(server.requests)) == ("fetch.too_many_redirects", 3)
        worker.start(server.url(), redirect="manual")
        assert (await worker.next("result"))[0]["value"]["status"] == 302


def test_limits_are_the_tunnels_where_none_is_given():
    default = HttpTimeouts(connect_s=7, response_s=8, idle_s=9)
    assert FetchParameters("http://a.test/").limits(default) == default
    given = FetchParameters("", timeout_ms=1500, connect_timeout_ms=1, response_timeout_ms=2, idle_timeout_ms=3)
    expected = HttpTimeouts(connect_s=0.001, response_s=0.002, idle_s=0.003, total_s=1.5)
    assert given.limits(default) == expected


@pytest.mark.parametrize("name", ["timeoutMs", "responseTimeoutMs"])
async def test_a_silent_server(name):
    async def silence(conversation):
        await conversation.reader.read()

    async with page() as worker, serve_conversations(silence) as server:
        worker.start(server.url(), **{name: 100})
        message, _ = await worker.next("error")
        assert message["code"].endswith("timed_out")


async def test_the_whole_limit_holds_for_the_body_too():
    async def half(conversation):
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await conversation.reader.read()

    async with page() as worker, serve_conversations(half) as server:
        worker.start(server.url(), timeoutMs=2000)
        await worker.next("result")
        assert (await worker.next("chunk"))[1] == b"half"
        assert (await worker.next("error"))[0]["code"].endswith("timed_out")


@pytest.mark.parametrize("stage", ["headers", "body"])
async def test_a_cancel_resets_the_connection(stage):
    asked, reset = asyncio.Event(), asyncio.Event()

    async def stall(conversation):
        await conversation.request()
        asked.set()
        if stage == "body":
            await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        try:
            await conversation.reader.read()
        except ConnectionResetError:
            reset.set()

    async with page() as worker, serve_conversations(stall) as server:
        worker.start(server.url())
        await asked.wait()
        if stage == "body":
            await worker.next("result")
            await worker.next("chunk")
        worker.send("cancel")
        assert (await worker.next("error"))[0]["code"] == "rpc.cancelled"
        await reset.wait()


async def test_no_credit_no_flow():
    """The worker asks the network for more only as far as the page has room: the server is held back by TCP."""
    sent = 0

    async def pour(conversation):
        nonlocal sent
        conversation.writer.transport.set_write_buffer_limits(0)
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        while True:
            await conversation.send(bytes(65_536))
            sent += 65_536

    async with page() as worker, serve_conversations(pour) as server:
        worker.start(server.url(), credit=10)
        await worker.next("result")
        assert len((await worker.next("chunk"))[1]) == 10
        before = -1
        while sent != before:
            before = sent
            await asyncio.sleep(0.3)
        assert before < 50_000_000  # the kernel's own buffers are large
        worker.send("credit", bytes=CREDIT)
        assert (await worker.next("chunk"))[1]
        await until(lambda: sent > before)
        worker.send("cancel")


async def test_parameters_are_checked():
    async with page() as worker:
        for wrong in ({"redirect": "sideways"}, {"headers": [["a"]]}, {"timeoutMs": "1"}, {"credentials": "all"}):
            worker.start("http://a.test/", **wrong)
            assert (await worker.next("error"))[0]["code"] == "rpc.invalid_parameters"
        for wrong in ({"timeoutMs": 0}, {"idleTimeoutMs": -1}, {"maxRedirects": 101}):
            worker.start("http://a.test/", **wrong)
            assert (await worker.next("error"))[0]["code"] == "fetch.invalid_option"
