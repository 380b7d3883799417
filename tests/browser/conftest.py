"""The playground as a user starts it, and pages of it in headless Chromium."""

from __future__ import annotations

import contextlib
import json
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Worker, expect
from support.chromium import chromium, new_context
from support.processes import first_line, running

ROOT = Path(__file__).parents[2]
# Two cores carry two browsers and two whole mixnets, and a machine may have other work besides.
PATIENCE_MS = 60_000
READY_MS = 120_000
expect.set_options(timeout=PATIENCE_MS)
NO_COVER = {"disableCoverTraffic": True, "disablePoissonTraffic": True}


def read_json(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=PATIENCE_MS / 1000) as answer:
        return json.load(answer)


@dataclass
class Playground:
    """Where everything is that `make playground` has started."""

    url: str
    https: str
    http: str
    network: dict[str, Any]
    capture: Path

    def exit_flows(self) -> int:
        """How many flows the exit holds at this moment."""
        metrics = self.network["directory"]["http"].removesuffix("/api") + "/metrics.json"
        return read_json(metrics)["exit"]["flow_count"]

    def exit_tcp_flows(self) -> int:
        """How many of them are TCP connections; those of datagrams end by themselves, after a while."""
        metrics = self.network["directory"]["http"].removesuffix("/api") + "/metrics.json"
        return read_json(metrics)["exit"]["flows"]["tcp"]

    def gateway_origins(self) -> set[str]:
        """The WebSocket origins of all gateways: a client may enter at any of them."""
        nodes = read_json(f"{self.url}api/v2/unstable/nym-nodes/skimmed?page=0")["nodes"]["data"]
        return {f"ws://127.0.0.1:{node['entry']['ws_port']}/" for node in nodes if node.get("entry")}

    def visitors(self) -> dict[str, int]:
        """Who has been at the demo site."""
        return read_json(f"{self.url}visitors.json")


@dataclass
class Watched:
    """A page, and what the browser said about it."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    """Errors in the console, violations of the Content-Security-Policy among them, and uncaught ones."""
    origins: set[str] = field(default_factory=set)
    """Where the page and its worker sent requests to."""

    @property
    def tunnel_workers(self) -> list[Worker]:
        """The page's own workers, but for one that lets the browser keep their memory."""
        return [worker for worker in self.page.workers if worker.url.endswith("/worker.js")]

    def wait_for_program(self) -> None:
        """Wait until the playground's program has taken the page over, with what its forms remember."""
        expect(self.page.get_by_test_id("connect")).to_be_enabled()

    def reload(self) -> None:
        """Load the playground again."""
        self.page.reload()
        self.wait_for_program()

    def connect(self) -> None:
        """Press Connect and wait."""
        self.page.get_by_test_id("connect").click()
        expect(self.page.get_by_test_id("tunnel-state")).to_have_text("ready", timeout=READY_MS)

    def disconnect(self) -> None:
        """Press Disconnect and wait."""
        self.page.get_by_test_id("disconnect").click()
        expect(self.page.get_by_test_id("tunnel-state")).to_have_text("not connected")

    def fetch(self, url: str, *, method: str = "GET", body: str | None = None) -> None:
        """Fill the form in and send it."""
        self.page.get_by_test_id("fetch-method").select_option(method)
        self.page.get_by_test_id("fetch-url").fill(url)
        if body is not None:
            self.page.get_by_test_id("fetch-request-body").fill(body)
        self.page.get_by_test_id("fetch-send").click()


@contextlib.contextmanager
def started_playground(capture: Path, *options: str) -> Iterator[Playground]:
    """`make playground` until the block ends.

    capture -- where the exits' packets are written
    options -- further ones of mix-network
    """
    program = [sys.executable, str(ROOT / "web/playground.py"), "--port", "0", "--json"]
    # Tests have servers of their own at ports that the playground does not know.
    with running([*program, "--", "--allow-local", "--pcap", str(capture), *options]) as process:
        ready = json.loads(first_line(process))
        yield Playground(ready["url"], ready["https"], ready["http"], ready["network"], capture)


@pytest.fixture(scope="module")
def playground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Playground]:
    # One exit: what it captured and the flows that it holds are then everything.
    with started_playground(tmp_path_factory.mktemp("capture") / "exit.pcap", "--exits", "1") as started:
        yield started


# Playwright's loop runs as long as its browser: no longer than a module, for others have asynchronous tests.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running_browser:
        yield running_browser


@contextlib.contextmanager
def watch(
    browser: Browser, playground: Playground, path: str = "", *, keeps_memory: bool = False, **options: Any
) -> Iterator[Watched]:
    """A fresh page of the playground; at the end, nothing may have been complained about.

    path -- of a page other than the playground's own
    keeps_memory -- whether the browser may keep Python's memory for later visits, which costs more than most tests
    options -- of the browser's context, such as the size of its window
    """
    context = new_context(browser, **options)
    if not keeps_memory:
        context.add_init_script("Object.defineProperty(navigator, 'deviceMemory', { value: 1 });")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    result = Watched(page)

    def listen(message: ConsoleMessage) -> None:
        # The browser calls a direct answer such as 404 an error of the page: it is none.
        if message.type == "error" and "Failed to load resource" not in message.text:
            result.complaints.append(message.text)

    def note_origin(url: str) -> None:
        result.origins.add("/".join(url.split("/")[:3]) + "/")

    page.on("console", listen)
    page.on("pageerror", lambda error: result.complaints.append(str(error)))
    context.on("request", lambda request: note_origin(request.url))
    page.on("websocket", lambda socket: note_origin(socket.url))
    try:
        page.goto(playground.url + path)
        if not path or path.startswith("#"):
            result.wait_for_program()
            page.locator("#tunnel-options-box").evaluate("each => { each.open = true; }")
            page.get_by_test_id("cover-traffic").uncheck()
            page.get_by_test_id("poisson-traffic").uncheck()
        yield result
    finally:
        context.close()
    assert result.complaints == []
    assert result.origins - playground.gateway_origins() == {playground.url}


@pytest.fixture
def watched(browser: Browser, playground: Playground) -> Iterator[Watched]:
    """A page for one test."""
    with watch(browser, playground) as result:
        yield result


PRELUDE = """
  const { mixFetch, setupMixTunnel, disconnectMixTunnel, getTunnelState, getTunnelStats, MixError } =
    await import("/mix-fetch/index.js");
  const { options, site } = values;
  const describe = (error) => ({ name: error.name, code: error.code, message: error.message,
    isTypeError: error instanceof TypeError, isMixError: error instanceof MixError });
  const caught = async (promise) => promise.then(() => null, describe);
"""


@pytest.fixture(scope="module")
def api(browser: Browser, playground: Playground) -> Iterator[Any]:
    """Runs JavaScript in a page with our packages at hand, on a tunnel that is ready; one page for a whole module."""
    told = read_json(f"{playground.url}playground.json")
    options = {"directoryUrl": f"{playground.url}api", "caCertificates": told["caCertificates"], **NO_COVER}
    with watch(browser, playground) as watched_page:

        def run(code: str, **values: Any) -> Any:
            script = f"async (values) => {{ {PRELUDE} {code} }}"
            return watched_page.page.evaluate(script, {"options": options, "site": playground.https, **values})

        run("await setupMixTunnel(options)")
        yield run
