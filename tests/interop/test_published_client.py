"""The published client, unmodified, sets up, fetches, resolves and opens WebSockets through our network.

Our own client against our own network would prove nothing: here every byte of the client side is somebody else's.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any
from urllib.parse import urlsplit

import pytest
from interop.bundling import PAGE, bundled
from playwright.sync_api import Page
from support.chromium import chromium, new_context
from support.processes import local_network
from support.servers import HttpServer, pattern, serve_http
from support.threaded import in_thread
from support.websocket_server import echo, serving
from websockets.asyncio.server import ServerConnection

# The client knows one directory; the browser is told that it lives here, and that nothing lives anywhere else.
DIRECTORY_HOST = "validator.nymtech.net"
BODY = pattern(20_000)
PATIENCE_MS = 120_000
NAMED = ["--allow-local", "--host", "demo.test=127.0.0.1"]


@pytest.fixture(scope="module")
def bundle() -> bytes:
    """The page's script."""
    return bundled("published-client.js")


NO_COVER = {"disableCoverTraffic": True, "disablePoissonTraffic": True}


@contextlib.contextmanager
def client_page(bundle: bytes, network: dict[str, Any], options: dict[str, Any], logs: list[str]) -> Iterator[Page]:
    """A page in which the published client is set up with `options` on the local network."""
    port = urlsplit(network["directory"]["https"]).port
    rules = f"MAP {DIRECTORY_HOST}:443 127.0.0.1:{port},MAP * 127.0.0.1"
    flags = [f"--host-resolver-rules={rules}", "--ignore-certificate-errors"]
    files = {"/": ("text/html", PAGE), "/page.js": ("text/javascript", bundle)}
    with serve_http(files) as site, chromium(flags) as browser:
        page = new_context(browser).new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda message: logs.append(message.text))
        page.goto(f"http://localhost:{site.port}/")
        page.wait_for_function("document.title === 'ready'")
        page.evaluate("options => published.setup(options)", {"forceTls": False, **options})
        yield page


@pytest.fixture(scope="module")
def demo() -> Iterator[HttpServer]:
    with serve_http({"/20k": ("application/octet-stream", BODY)}) as server:
        yield server


# 1.36 is the last version that is asked for IPR protocol 9, 1.37 the first that is asked for 10.
@pytest.fixture(scope="module", params=["1.36.0", "1.37.0"], ids=["ipr-v9", "ipr-v10"])
def published(request: pytest.FixtureRequest, bundle: bytes) -> Iterator[tuple[Page, list[str]]]:
    logs: list[str] = []
    with local_network("--advertise-version", request.param, *NAMED) as network:
        entry = network["entry_gateways"][0]["identity"]
        options = {"debug": True, "preferredGateway": entry, **NO_COVER}
        with client_page(bundle, network, options, logs) as page:
            yield page, logs


def wait_for_log(page: Page, logs: list[str], wanted: str) -> None:
    """Wait until the client has logged this; what a page logs is told by and by, while we wait in Playwright."""
    for _ in range(PATIENCE_MS // 100):
        if any(wanted in line for line in logs):
            return
        page.wait_for_timeout(100)
    pytest.fail("\n".join(logs))


def test_it_is_ready(published):
    """It is set up without TLS, with gateway and exit ({id})"""
    page, _ = published
    assert page.evaluate("published.state()") == {"state": "ready"}


def test_it_fetches_20_kb(published, demo: HttpServer):
    """GET of 20 kB ({id})"""
    page, _ = published
    answer = page.evaluate("url => published.fetch(url)", f"http://demo.test:{demo.port}/20k")
    assert answer == {"status": 200, "size": len(BODY), "sha256": hashlib.sha256(BODY).hexdigest()}
    assert demo.peers == {"127.0.0.2"}


def test_it_posts(published, demo: HttpServer):
    """POST ({id})"""
    page, _ = published
    url = f"http://demo.test:{demo.port}/echo"
    answer = page.evaluate("url => published.fetch(url, { method: 'POST', body: 'hello' })", url)
    assert answer == {"status": 200, "size": 5, "sha256": hashlib.sha256(b"hello").hexdigest()}


def test_it_resolves_a_name(published):
    """DNS: a known name ({id})"""
    page, _ = published
    assert page.evaluate("published.resolve('demo.test')") == "127.0.0.1"


ECHO_SIZES = [1, 126, 1000, 100_000]
"""The last takes a while: the client sends 8 packets of a window at once, and the others of it after seconds."""


class Echo:
    """Echoes, or closes as the path says; and knows how clients closed."""

    def __init__(self) -> None:
        self.closed: SimpleQueue[tuple[int | None, str | None]] = SimpleQueue()

    async def __call__(self, websocket: ServerConnection) -> None:
        match websocket.request.path.split("/")[1:]:
            case ["close", code, reason]:
                await websocket.send("last")
                await websocket.close(int(code), reason)
            case _:
                await echo(websocket)
                self.closed.put((websocket.close_code, websocket.close_reason))


@pytest.fixture(scope="module")
def websockets() -> Iterator[tuple[str, Echo]]:
    server = Echo()
    with in_thread(serving(server, max_size=None)) as port:
        yield f"ws://demo.test:{port}", server


def test_its_websocket_echoes(published, websockets: tuple[str, Echo], request: pytest.FixtureRequest):
    """WebSocket: binary messages, and a close code that the server is told ({id})"""
    page, _ = published
    url, server = websockets
    sizes = ECHO_SIZES if "ipr-v10" in request.node.name else ECHO_SIZES[:-1]
    assert page.evaluate("([url, sizes]) => published.echo(url, sizes, 4001, 'over')", [f"{url}/", sizes]) == sizes
    assert server.closed.get(timeout=PATIENCE_MS / 1000) == (4001, "over")


def test_its_websocket_is_told_how_the_server_closes(published, websockets: tuple[str, Echo]):
    """WebSocket: the code with which a server closes ({id})"""
    page, logs = published
    url, _ = websockets
    assert page.evaluate("url => published.listen(url)", f"{url}/close/4321/enough") == ["last"]
    wait_for_log(page, logs, "recv close (4321 enough)")  # its event to the page bears no code


def test_its_states(published):
    """Its states, from fresh to disconnected ({id})

    What our own package does too: `test_states_are_the_published_packages` in browser/test_tunnel_face.py.
    """
    page, _ = published
    fresh = page.context.new_page()
    fresh.goto(page.url)
    fresh.wait_for_function("document.title === 'ready'")
    told = fresh.evaluate(
        """async (options) => {
          const states = [];
          const look = async () => void states.push((await published.state()).state);
          await look();
          await published.disconnect();
          await look();
          await published.setup({ ...options, preferredIpr: "x" }).catch(() => {});
          await look();
          await published.disconnect();
          await look();
          const setup = published.setup(options);
          await look();
          await setup;
          await look();
          await published.disconnect();
          await look();
          return states;
        }""",
        {"forceTls": False, **NO_COVER},
    )
    fresh.close()
    assert told == ["connecting"] * 5 + ["ready", "shutdown"]


def test_it_spoke_the_exits_version(published, request: pytest.FixtureRequest):
    """It speaks the version that the exit announces ({id})"""
    page, logs = published
    wait_for_log(page, logs, "MTU: None" if "ipr-v9" in request.node.name else "MTU: Some(1500)")


def test_with_its_cover_traffic(bundle: bytes, demo: HttpServer):
    """Cover traffic on, without TLS

    With its defaults the client sends about 57 packets a second, chooses its gateway, and wants every ack.
    """
    with local_network(*NAMED) as network, client_page(bundle, network, {}, []) as page:
        answer = page.evaluate("url => published.fetch(url)", f"http://demo.test:{demo.port}/20k")
        assert answer["sha256"] == hashlib.sha256(BODY).hexdigest()
