"""The browser's platform in Chromium: its WebSocket and `fetch` against real servers."""

from __future__ import annotations

import asyncio
import functools
import gzip
import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page
from support.chromium import chromium, new_context
from support.ports import refusing_port
from websockets.asyncio.server import ServerConnection, serve

ROOT = Path(__file__).parents[2]
PYODIDE = ROOT / "build/pyodide"

PROGRAM = """
import asyncio, json
from mix_tunnel.platform import GetFailed, WebSocketClosed, WebSocketFailed, current_platform
from mix_tunnel.platform.browser import BrowserPlatform

platform = current_platform()
assert isinstance(platform, BrowserPlatform)


async def code_of(awaitable):
    try:
        await awaitable
    except (GetFailed, WebSocketClosed, WebSocketFailed) as error:
        return error.code


async def main():
    said = {}
    answer = await platform.get(HTTP + "/document", headers={"accept": "application/json"}, timeout_s=60)
    said["document"] = [answer.status, answer.headers.get("content-type"), answer.body.decode()]
    said["missing"] = (await platform.get(HTTP + "/missing", headers={}, timeout_s=60)).status
    said["cut off"] = await code_of(platform.get(HTTP + "/closed", headers={}, timeout_s=60))
    said["stalled"] = await code_of(platform.get(HTTP + "/stalled", headers={}, timeout_s=0.2))
    said["packed"] = len((await platform.get(HTTP + "/packed", headers={}, timeout_s=60)).body)
    said["bomb"] = await code_of(platform.get(HTTP + "/bomb", headers={}, timeout_s=60))
    said["bomb in no time"] = await code_of(platform.get(HTTP + "/bomb", headers={}, timeout_s=0.001))
    said["nonsense"] = await code_of(platform.get("http://[nonsense", headers={}, timeout_s=60))

    websocket = await platform.open_websocket(WS + "/echo", timeout_s=60)
    await websocket.send("text")
    await websocket.send(b"\\x00\\xffbinary")
    first, second = await websocket.receive(), await websocket.receive()
    said["echo"] = [first, list(second), type(second).__name__]
    frames = [bytes([number % 256]) * 2452 for number in range(500)]

    async def send():
        for frame in frames:
            await websocket.send(frame)

    sending = asyncio.ensure_future(send())
    said["many"] = [await websocket.receive() for _ in frames] == frames
    await sending
    await websocket.close()
    await websocket.close()
    said["after close"] = [await code_of(websocket.send("x")), await code_of(websocket.receive())]

    websocket = await platform.open_websocket(WS + "/close", timeout_s=60)
    said["closed by server"] = await code_of(websocket.receive())
    websocket = await platform.open_websocket(WS + "/flood", timeout_s=60)
    said["flood"] = await code_of(websocket.receive())
    said["refused"] = await code_of(platform.open_websocket(CLOSED, timeout_s=60))
    said["invalid"] = await code_of(platform.open_websocket("ws://[nonsense", timeout_s=60))
    said["random"] = len({platform.random_bytes(16) for _ in range(1000)})
    said["long random"] = len(platform.random_bytes(10_000))
    said["clocks"] = platform.wall_clock() > 1.7e9 and platform.now() <= platform.now()
    said["blake3"] = platform.crypto().blake3(b"").hex()[:8]
    return json.dumps(said)

await main()
"""


BOMB = gzip.compress(bytes(200 << 20), 9)


class Handler(http.server.SimpleHTTPRequestHandler):
    """The page's own origin: Pyodide, and a few documents."""

    stalled = threading.Event()

    def do_GET(self) -> None:
        match self.path:
            case "/page":
                self.answer(200, "text/html", b"<!doctype html><title>test</title>")
            case "/document":
                self.answer(200, "application/json", b'{"a": 1}')
            case "/missing":
                self.answer(404, "text/plain", b"")
            case "/closed":
                self.close_connection = True
                self.connection.close()
            case "/packed":
                self.answer(200, "application/json", gzip.compress(bytes(100_000)), "gzip")
            case "/bomb":
                self.answer(200, "application/json", BOMB, "gzip")
            case "/stalled":
                self.stalled.wait()
                self.answer(200, "text/plain", b"late")
            case _:
                super().do_GET()

    def answer(self, status: int, kind: str, body: bytes, coding: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if coding is not None:
            self.send_header("Content-Encoding", coding)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


async def _serve_websocket(connection: ServerConnection) -> None:
    path = connection.request.path if connection.request is not None else ""
    if path == "/flood":
        await connection.send(bytes(70_000))
        await connection.wait_closed()
    elif path == "/echo":
        async for frame in connection:
            await connection.send(frame)


@pytest.fixture(scope="module")
def http_port() -> Iterator[int]:
    handler = functools.partial(Handler, directory=str(PYODIDE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        Handler.stalled.set()
        server.shutdown()


@pytest.fixture(scope="module")
def websocket_port() -> Iterator[int]:
    started: asyncio.Queue[int] = asyncio.Queue()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        async with serve(_serve_websocket, "127.0.0.1", 0) as server:
            started.put_nowait(next(iter(server.sockets)).getsockname()[1])
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    yield asyncio.run_coroutine_threadsafe(started.get(), loop).result(60)
    loop.call_soon_threadsafe(stop.set)
    thread.join(60)


@pytest.fixture(scope="module")
def page(http_port: int) -> Iterator[Page]:
    done = subprocess.run([sys.executable, ROOT / "web/build.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with chromium() as browser:
        page = new_context(browser).new_page()
        page.goto(f"http://127.0.0.1:{http_port}/page")
        page.evaluate(
            """async () => {
                delete WebAssembly.Suspending;  // as our worker does
                const { loadPyodide } = await import("/pyodide.mjs");
                const packages = ["mix-tunnel", "pynacl", "blake3", "ossl"];
                globalThis.py = await loadPyodide({ indexURL: "/", packages });
                await py.runPythonAsync("import ossl; ossl.install()");
            }"""
        )
        yield page


def test_the_browsers_websocket_and_fetch(page: Page, http_port: int, websocket_port: int):
    with refusing_port() as closed:
        settings = {
            "HTTP": f"http://127.0.0.1:{http_port}",
            "WS": f"ws://127.0.0.1:{websocket_port}",
            "CLOSED": f"ws://127.0.0.1:{closed}",
        }
        said: dict[str, Any] = json.loads(
            page.evaluate(
                """async ([settings, program]) => {
                    for (const [name, value] of Object.entries(settings)) py.globals.set(name, value);
                    return await py.runPythonAsync(program);
                }""",
                [settings, PROGRAM],
            )
        )
    assert said == {
        "document": [200, "application/json", '{"a": 1}'],
        "missing": 404,
        "cut off": "platform.get_failed",
        "stalled": "platform.get_failed",
        "packed": 100_000,
        "bomb": "platform.get_failed",
        "bomb in no time": "platform.get_failed",
        "nonsense": "platform.get_failed",
        "echo": ["text", [0, 255, *b"binary"], "bytes"],
        "many": True,
        "after close": ["platform.websocket_closed", "platform.websocket_closed"],
        "closed by server": "platform.websocket_closed",
        "flood": "platform.websocket_closed",
        "refused": "platform.websocket_failed",
        "invalid": "platform.websocket_failed",
        "random": 1000,
        "long random": 10_000,
        "clocks": True,
        "blake3": "af1349b9",
    }
