"""Hundreds of requests that fail, are cut, cancelled, closed or forgotten at any moment: nothing stays behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from support.http_client import LoopbackClient, loopback_client
from support.http_server import Conversation, serve_conversations
from support.nghttp2_server import nghttp2_server
from support.tls_server import certificate, server_context
from support.waiting import until

from mix_protocol.errors import MixError
from mix_tunnel.runtime.http.options import HttpOptions
from mix_tunnel.runtime.http.request import HttpTimeouts

REQUESTS = 150
UNASKED = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
HTTP2_PATHS = ("bytes/0", "bytes/10", "bytes/300000", "echo", "reset/8", "half", "early", "goaway", "trailers")


class UploadFailedError(Exception):
    """The caller's own body fails."""


class Server:
    """Answers by HTTP/1.1, sometimes well."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    async def talk(self, conversation: Conversation) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while not conversation.writer.is_closing():
                await conversation.request()
                await getattr(self, self._rng.choice(["good"] * 6 + ["gone", "cut", "last", "late", "talkative"]))(
                    conversation
                )

    async def good(self, conversation: Conversation) -> None:
        await conversation.respond(body=b"ok" * self._rng.choice([1, 1_000, 100_000]))

    async def gone(self, conversation: Conversation) -> None:
        conversation.writer.transport.abort()

    async def cut(self, conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + bytes(200_000))
        conversation.writer.transport.abort()

    async def last(self, conversation: Conversation) -> None:
        await conversation.respond(body=b"x", Connection="close")
        conversation.writer.close()

    async def late(self, conversation: Conversation) -> None:
        await asyncio.sleep(0.05)
        await conversation.respond(body=b"late")

    async def talkative(self, conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + UNASKED)


class User:
    """Sends requests and loses interest in some."""

    def __init__(self, rng: random.Random, client: LoopbackClient, urls: list[str]) -> None:
        self._rng = rng
        self._client = client
        self._urls = urls
        self.outcomes: Counter[str] = Counter()

    async def run(self) -> None:
        try:
            self.outcomes[await self._fetch()] += 1
        except MixError as error:
            self.outcomes[error.code] += 1
        except UploadFailedError:
            self.outcomes["upload failed"] += 1

    async def _fetch(self) -> str:
        body = self._rng.choice([None, None, b"small", bytes(200_000), self._pieces()])
        total_s = self._rng.choice([None, None, 0.05])
        response = await self._client.fetch(
            self._rng.choice(self._urls),
            "GET" if body is None else "PUT",
            body=body,
            timeouts=HttpTimeouts(connect_s=60, response_s=60, idle_s=60, total_s=total_s),
        )
        if self._rng.random() < 0.1:
            return "forgotten"
        while piece := await response.read():
            assert b"evil" not in piece
            if self._rng.random() < 0.1:
                await response.aclose()
                return "closed"
        return "read"

    async def _pieces(self) -> AsyncIterator[bytes]:
        for _ in range(self._rng.randrange(5)):
            yield bytes(self._rng.randrange(1, 30_000))
            await asyncio.sleep(0)
        if self._rng.random() < 0.2:
            raise UploadFailedError


@pytest.fixture(scope="module")
def http2_port():
    with nghttp2_server("demo.test") as port:
        yield port


@pytest.mark.parametrize("seed", range(3))
async def test_nothing_stays_behind(seed, http2_port):
    rng = random.Random(seed)
    loop = asyncio.get_running_loop()
    complaints: list[object] = []
    context = server_context(certificate("demo.test"), alpn=["http/1.1"])
    options = HttpOptions(per_origin=3, in_all=6, keep_alive_s=0.1)
    server = Server(rng)
    async with (
        serve_conversations(server.talk) as plain,
        serve_conversations(server.talk, context) as secure,
        loopback_client(options) as client,
    ):
        before = asyncio.all_tasks()
        loop.set_exception_handler(lambda _, complaint: complaints.append(complaint))
        secure.host = "demo.test"
        http2 = [f"https://demo.test:{http2_port}/{path}" for path in HTTP2_PATHS]
        user = User(rng, client, [plain.url(), secure.url()] * 4 + http2)
        tasks = []
        for _ in range(REQUESTS):
            tasks.append(asyncio.create_task(user.run()))
            if rng.random() < 0.3:
                loop.call_later(rng.random() / 10, rng.choice(tasks).cancel)
            if rng.random() < 0.5:
                await asyncio.sleep(rng.random() / 100)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(result) for result in results} <= {type(None), asyncio.CancelledError}
        assert user.outcomes["read"] > REQUESTS / 5
        del results
        tasks.clear()
        gc.collect()
        pool = client.client.transport.pool
        await until(lambda: not pool.open)  # what was kept has expired
        assert not pool._leased
        assert not pool._queues
        ours = {"connection", "http", "http2", "idle", "response", "connect", "close"}
        await until(lambda: not any(task.get_name().split()[0] in ours for task in asyncio.all_tasks() - before))
        gc.collect()
    assert [complaint for complaint in complaints if "transport" not in complaint] == []  # those are the servers'
