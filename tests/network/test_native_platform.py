"""The native platform against real servers on the loopback interface."""

from __future__ import annotations

import asyncio
import gzip
import resource
import ssl
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import brotli
import pytest
import trustme
from backports import zstd
from support.ports import refusing_port
from support.tls_server import finite_field_context
from support.waiting import PATIENCE_S
from websockets.asyncio.server import ServerConnection, serve

from mix_tunnel.options import InvalidOption
from mix_tunnel.platform import MAX_FRAME_BYTES, GetFailed, WebSocketClosed, WebSocketFailed
from mix_tunnel.platform.native import NativePlatform


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_context(authority: trustme.CA, name: str = "localhost") -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


@asynccontextmanager
async def http_server(answer: bytes, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Answers every request with the same bytes and closes; yields the port."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def websocket_server(handler: object, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    async with serve(handler, "127.0.0.1", 0, ssl=context, max_size=None, open_timeout=None) as server:  # type: ignore[arg-type]
        yield next(iter(server.sockets)).getsockname()[1]


async def echo(connection: ServerConnection) -> None:
    async for frame in connection:
        await connection.send(frame)


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


async def test_get_gives_status_headers_and_body():
    async with http_server(OK) as port:
        answer = await NativePlatform().get(f"http://127.0.0.1:{port}/x", headers={}, timeout_s=PATIENCE_S)
    assert (answer.status, answer.headers["content-type"], answer.body) == (200, "application/json", b"{}")


def packed(coding: str, count: int) -> bytes:
    """So many bytes of zeros in a coding."""
    if coding == "br":
        return brotli.compress(bytes(count), quality=5)
    if coding == "zstd":
        return zstd.compress(bytes(count))
    return gzip.compress(bytes(count), 9) if coding == "gzip" else zlib.compress(bytes(count), 9)


def encoded_answer(coding: str, body: bytes) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
async def test_encoded_documents_are_unpacked(coding: str):
    async with http_server(encoded_answer(coding, packed(coding, 100_000))) as port:
        answer = await NativePlatform().get(f"http://127.0.0.1:{port}/", headers={}, timeout_s=PATIENCE_S)
    assert answer.body == bytes(100_000)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
async def test_a_bomb_is_refused_early_and_keeps_nobody_waiting(coding: str):
    body = packed(coding.partition(",")[0], 300 << 20)
    if "," in coding:
        body = gzip.compress(body)
    longest_s = 0.0

    async def watch() -> None:
        nonlocal longest_s
        while True:
            began = time.thread_time()
            await asyncio.sleep(0)
            longest_s = max(longest_s, time.thread_time() - began)

    async with http_server(encoded_answer(coding, body)) as port:
        watching = asyncio.create_task(watch())
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(GetFailed, match=r"too large|unpacked"):
            await NativePlatform().get(f"http://127.0.0.1:{port}/", headers={}, timeout_s=PATIENCE_S)
        grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        watching.cancel()
    assert grown_kb < 200_000
    assert longest_s < 0.15


async def test_a_time_limit_holds_while_a_document_is_unpacked():
    async with http_server(encoded_answer("gzip", packed("gzip", 60 << 20))) as port:
        with pytest.raises(GetFailed) as failed:
            await NativePlatform().get(f"http://127.0.0.1:{port}/", headers={}, timeout_s=0.005)
    assert failed.value.fields == {"cause": "TimeoutError"}


@pytest.mark.parametrize("body", [b"nonsense", gzip.compress(bytes(1000))[:-9]])
async def test_a_document_that_is_not_what_it_says_is_refused(body: bytes):
    async with http_server(encoded_answer("gzip", body)) as port:
        with pytest.raises(GetFailed, match="unpacked"):
            await NativePlatform().get(f"http://127.0.0.1:{port}/", headers={}, timeout_s=PATIENCE_S)


async def test_a_coding_that_nobody_asked_for_is_refused():
    async with http_server(encoded_answer("compress", b"nonsense")) as port:
        with pytest.raises(GetFailed, match="nobody asked for"):
            await NativePlatform().get(f"http://127.0.0.1:{port}/", headers={}, timeout_s=PATIENCE_S)


async def test_any_status_is_an_answer():
    async with http_server(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") as port:
        answer = await NativePlatform().get(f"http://127.0.0.1:{port}/x", headers={}, timeout_s=PATIENCE_S)
    assert answer.status == 404


async def test_https_with_a_private_authority_works_only_when_it_is_given(authority: trustme.CA):
    pem = authority.cert_pem.bytes().decode()
    async with http_server(OK, server_context(authority)) as port:
        url = f"https://localhost:{port}/"
        assert (await NativePlatform((pem,)).get(url, headers={}, timeout_s=PATIENCE_S)).status == 200
        with pytest.raises(GetFailed):
            await NativePlatform().get(url, headers={}, timeout_s=PATIENCE_S)


async def test_https_by_dhe_is_refused(authority: trustme.CA, tmp_path: Path):
    pem = authority.cert_pem.bytes().decode()
    context = finite_field_context(authority, "localhost", tmp_path)
    async with http_server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", context) as port:
        with pytest.raises(GetFailed):
            await NativePlatform((pem,)).get(f"https://localhost:{port}/", headers={}, timeout_s=PATIENCE_S)


async def test_https_checks_the_host_name(authority: trustme.CA):
    pem = authority.cert_pem.bytes().decode()
    async with http_server(OK, server_context(authority, "other.example")) as port:
        with pytest.raises(GetFailed):
            await NativePlatform((pem,)).get(f"https://localhost:{port}/", headers={}, timeout_s=PATIENCE_S)


@pytest.mark.parametrize(
    "answer",
    [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"],
)
async def test_a_server_that_breaks_http_is_a_typed_failure(answer: bytes):
    async with http_server(answer) as port:
        with pytest.raises(GetFailed):
            await NativePlatform().get(f"http://127.0.0.1:{port}/", headers={}, timeout_s=PATIENCE_S)


async def test_get_from_a_closed_port_or_a_wrong_url_fails_at_once():
    with refusing_port() as port:
        for url in (f"http://127.0.0.1:{port}/", "http://[::bad/", "nonsense"):
            with pytest.raises(GetFailed) as caught:
                await NativePlatform().get(url, headers={}, timeout_s=PATIENCE_S)
            assert "127.0.0.1" not in str(caught.value)


async def test_get_from_a_server_that_stalls_ends_in_time():
    released = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await released.wait()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(GetFailed):
            await NativePlatform().get(f"http://127.0.0.1:{port}/", headers={}, timeout_s=0.1)
        released.set()


async def test_a_websocket_carries_text_and_binary_frames():
    async with websocket_server(echo) as port:
        websocket = await NativePlatform().open_websocket(f"ws://127.0.0.1:{port}", timeout_s=PATIENCE_S)
        await websocket.send("text")
        await websocket.send(b"binary")
        assert [await websocket.receive(), await websocket.receive()] == ["text", b"binary"]
        await websocket.close()
        await websocket.close()
        with pytest.raises(WebSocketClosed):
            await websocket.send("late")
        with pytest.raises(WebSocketClosed):
            await websocket.receive()


async def test_a_server_that_closes_is_noticed():
    async with websocket_server(lambda connection: connection.close()) as port:
        websocket = await NativePlatform().open_websocket(f"ws://127.0.0.1:{port}", timeout_s=PATIENCE_S)
        with pytest.raises(WebSocketClosed):
            await websocket.receive()


async def test_an_oversized_frame_ends_the_connection():
    async def flood(connection: ServerConnection) -> None:
        await connection.send(bytes(MAX_FRAME_BYTES + 1))
        await connection.wait_closed()

    async with websocket_server(flood) as port:
        websocket = await NativePlatform().open_websocket(f"ws://127.0.0.1:{port}", timeout_s=PATIENCE_S)
        with pytest.raises(WebSocketClosed):
            await websocket.receive()


async def test_wss_is_verified(authority: trustme.CA):
    pem = authority.cert_pem.bytes().decode()
    async with websocket_server(echo, server_context(authority)) as port:
        url = f"wss://localhost:{port}"
        websocket = await NativePlatform((pem,)).open_websocket(url, timeout_s=PATIENCE_S)
        await websocket.close()
        with pytest.raises(WebSocketFailed):
            await NativePlatform().open_websocket(url, timeout_s=PATIENCE_S)


async def test_a_gateway_that_is_no_websocket_server_fails():
    async with http_server(OK) as port:
        with pytest.raises(WebSocketFailed):
            await NativePlatform().open_websocket(f"ws://127.0.0.1:{port}", timeout_s=PATIENCE_S)
    with refusing_port() as port, pytest.raises(WebSocketFailed):
        await NativePlatform().open_websocket(f"ws://127.0.0.1:{port}", timeout_s=PATIENCE_S)


async def test_a_certificate_that_is_none_is_an_invalid_option():
    pem = "-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n"
    with pytest.raises(InvalidOption):
        await NativePlatform((pem,)).get("https://localhost/", headers={}, timeout_s=PATIENCE_S)


def test_the_platforms_clocks_and_randomness():
    platform = NativePlatform()
    assert platform.now() <= platform.now()
    assert platform.wall_clock() > 1.7e9
    assert len(platform.random_bytes(32)) == 32
    assert platform.random_bytes(32) != platform.random_bytes(32)
    assert platform.crypto() is platform.crypto()
