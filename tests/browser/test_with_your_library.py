"""The programs of the guide to other people's libraries run as they stand there, one after the other in one page.

What is changed is where the servers are: names of the example get ports of this machine and plain schemes.
"""

from __future__ import annotations

import gzip
import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page
from support.chromium import new_context
from support.processes import local_network
from support.static_site import serve_folder
from support.threaded import in_thread
from support.websocket_server import serving
from websockets.asyncio.server import ServerConnection

from .conftest import PATIENCE_MS, ROOT
from .waiting import wait_until

GUIDE = ROOT / "docs/guide/with-your-library.md"
SETUP, *PROGRAMS = re.findall(r"^```js\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
OURS = ("mix-tunnel", "mix-fetch", "mix-websocket")
WRITTEN = {"axios": "0x10", "ky": "0x10", "ethers": "16", "viem": "16", "graphql-request": "16"}
WRITTEN |= {"mix-fetch": "0x1", "reconnecting-websocket": "0x10"}
"""What each program writes, by the library that it imports first; `mix-fetch` replaces the page's own fetch."""


def library_of(program: str) -> str:
    return re.search(r'from "([\w-]+)', program)[1]


def answer_to(question: Any) -> Any:
    """What a JSON-RPC node says: chain 1, block 16."""
    if isinstance(question, list):
        return [answer_to(one) for one in question]
    result = "0x1" if question["method"] == "eth_chainId" else "0x10"
    return {"jsonrpc": "2.0", "id": question["id"], "result": result}


class _Node(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        told = {"data": {"block": {"number": 16}}} if self.path == "/graphql" else answer_to(asked)
        body = gzip.compress(json.dumps(told).encode())
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def http_node() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Node) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


async def _websocket_node(websocket: ServerConnection) -> None:
    async for message in websocket:
        await websocket.send(json.dumps(answer_to(json.loads(message))))


@pytest.fixture(scope="module")
def page(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page with the programs in a folder each, whose tunnel is ready."""
    folder = tmp_path_factory.mktemp("libraries")
    with (
        http_node() as http,
        in_thread(serving(_websocket_node)) as ws,
        local_network("--allow-local", f"{http},{ws}", "--host", "rpc.example.com=127.0.0.1") as network,
    ):
        bundle_all(
            folder,
            {
                "https://rpc.example.com/": f"http://rpc.example.com:{http}/",
                "wss://rpc.example.com/": f"ws://rpc.example.com:{ws}/",
            },
            network["directory"]["http"],
        )
        with serve_folder(folder) as site:
            page = new_context(browser).new_page()
            page.set_default_timeout(2 * PATIENCE_MS)
            page.goto(site)
            page.evaluate("import('/setup.js').then(() => {})")
            yield page


def bundle_all(folder: Path, moved: dict[str, str], directory_url: str) -> None:
    """Bundle each program by itself; all of them share our packages, as the page loads them."""
    options = f'{{ directoryUrl: "{directory_url}", disableCoverTraffic: true, disablePoissonTraffic: true }}'
    sources = {"setup": SETUP.replace("setupMixTunnel()", f"setupMixTunnel({options})")}
    sources |= {f"program-{number}": program for number, program in enumerate(PROGRAMS)}
    for name, code in sources.items():
        for there, here in moved.items():
            code = code.replace(there, here)
        # Beside the libraries, so that they are found.
        command = [ROOT / "node_modules/.bin/esbuild", "--bundle", "--format=esm", f"--outfile={folder / name}.js"]
        command += [f"--external:{package}" for package in OURS]
        subprocess.run(command, input=code.encode(), cwd=ROOT, check=True, capture_output=True)
    for package in (*OURS, "mix-dns"):
        (folder / package).symlink_to(ROOT / "web/dist" / package)
    imports = {"mix-tunnel/": "/mix-tunnel/", **{package: f"/{package}/index.js" for package in OURS}}
    import_map = json.dumps({"imports": imports})
    (folder / "index.html").write_text(f'<!doctype html><script type="importmap">{import_map}</script>')


@pytest.mark.parametrize("number", range(len(PROGRAMS)), ids=[library_of(program) for program in PROGRAMS])
def test_the_guides_program(page: Page, number: int):
    written: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "log":
            written.append(message.text)

    page.on("console", note)
    try:
        page.evaluate(f"import('/program-{number}.js').then(() => {{}})")
        wait_until(lambda: written, page)  # what the page writes is told by and by
    finally:
        page.remove_listener("console", note)
    assert written == [WRITTEN[library_of(PROGRAMS[number])]]


def test_every_library_is_there():
    assert {library_of(program) for program in PROGRAMS} == set(WRITTEN)
