"""The directory's connections, from accept on."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from support.waiting import until

from mix_network.directory.certificates import issue_server_certificate
from mix_network.directory.server import DirectoryServer
from mix_network.http import front

LARGE = "x" * (64 << 20)


async def hello(request: object) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def large(request: object) -> PlainTextResponse:
    return PlainTextResponse(LARGE)


CERTIFICATE = issue_server_certificate(["127.0.0.1"], datetime.now(UTC))
Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Site:
    def __init__(self, max_connections: int = 512) -> None:
        app = Starlette(routes=[Route("/", hello), Route("/large", large)])
        self.server = DirectoryServer(app, CERTIFICATE, max_connections=max_connections)
        self._tls = ssl.create_default_context(cadata=CERTIFICATE.authority_pem.decode())
        self._writers: list[asyncio.StreamWriter] = []

    async def connect(self, *, https: bool = False, tls: bool = False) -> Client:
        port = self.server.https_port if https else self.server.http_port
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=self._tls if tls else None)
        self._writers.append(writer)
        return reader, writer

    async def is_served(self, *, https: bool) -> bool:
        url = f"https://127.0.0.1:{self.server.https_port}/" if https else f"http://127.0.0.1:{self.server.http_port}/"
        async with httpx.AsyncClient(verify=self._tls, timeout=60, trust_env=False) as client:
            return (await client.get(url)).text == "hello"

    async def close(self) -> None:
        for writer in self._writers:
            writer.close()
        await self.server.close()


@contextlib.asynccontextmanager
async def site(max_connections: int = 512) -> AsyncIterator[Site]:
    made = Site(max_connections)
    await made.server.start()
    try:
        yield made
    finally:
        await made.close()


async def end_of(client: Client) -> None:
    async with asyncio.timeout(60):
        with contextlib.suppress(ConnectionError):
            await client[0].read()


@pytest.mark.parametrize("https", [False, True])
async def test_who_says_nothing_makes_room_from_accept_on(https: bool):
    async with site(max_connections=5) as running:
        silent = [await running.connect(https=https) for _ in range(12)]
        await until(lambda: len(running.server._table) == 5)
        assert await running.is_served(https=not https)
        assert await running.is_served(https=https)
        await end_of(silent[0])


@pytest.mark.parametrize("https", [False, True])
@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: a", b"\x16\x03\x01"])
async def test_who_does_not_come_to_the_end_of_a_head_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, https: bool, said: bytes
):
    monkeypatch.setattr(front, "HEAD_S", 0.05)
    async with site() as running:
        client = await running.connect(https=https)
        client[1].write(said)
        await end_of(client)
        await until(lambda: len(running.server._table) == 0)


@pytest.mark.parametrize("tls", [False, True])
async def test_a_head_that_drips_is_cut_off_also_on_a_connection_that_was_served(
    monkeypatch: pytest.MonkeyPatch, tls: bool
):
    async with site() as running:
        reader, writer = await running.connect(https=tls, tls=tls)
        writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
        monkeypatch.setattr(front, "HEAD_S", 0.2)
        await asyncio.sleep(0.4)  # idle it may be
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(60):
                for _ in range(1000):
                    writer.write(b"G")
                    await writer.drain()
                    await asyncio.sleep(0.02)
        assert len(running.server._table) == 0


async def test_who_does_not_take_the_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(front, "ANSWER_S", 0.1)
    async with site() as running:
        _, writer = await running.connect()
        writer.write(b"GET /large HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await until(lambda: len(running.server._table) == 1)
        await until(lambda: len(running.server._table) == 0)


async def test_requests_in_one_piece_with_the_handshake_are_answered():
    async with site() as running:
        for _ in range(20):
            reader, writer = await running.connect(https=True, tls=True)
            writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            for _ in range(2):
                assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
            writer.close()


async def test_closing_ends_handshakes_that_go_on():
    async with site() as running:
        client = await running.connect(https=True)
        await until(lambda: len(running.server._table) == 1)
        await running.server.close()
        await end_of(client)
