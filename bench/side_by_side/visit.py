"""One visit of a client's page, in a browser with a user's folder of its own."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal
from urllib.parse import quote

from playwright.sync_api import BrowserContext, Page
from playwright.sync_api import Error as PlaywrightError
from support.chromium import chromium_with_profile

from bench.side_by_side.cell import Cell
from bench.side_by_side.renderer import Renderer, find_renderer, kill_browser
from bench.side_by_side.world import DIRECTORY_HOST, FRESH_NAMES, World

Client = Literal["ours", "theirs"]
CLIENTS: tuple[Client, ...] = ("ours", "theirs")
GRACE_S = 10
"""How long after a time-out the page may take to say so, before its browser is killed."""

# The time-out is kept in the page, so that the next measurement finds a page that listens.
_CALL = """
([argument, timeoutS]) => {
  const late = new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`not done after ${timeoutS} s`)), timeoutS * 1000);
  });
  return Promise.race([(SCRIPT)(bench.client, argument), late]);
}
"""


class Failed(Exception):
    """A measurement led nowhere; its text says why."""


@dataclass(frozen=True)
class User:
    """A browser with its folder, in which caches survive a visit but not the user."""

    client: Client
    cell: Cell
    world: World
    profile: Path
    context: BrowserContext

    @property
    def setup_options(self) -> dict[str, Any]:
        """What `setupMixTunnel` is given."""
        network = self.world.network
        options = {
            **self.cell.setup_options,
            "forceTls": False,
            "preferredGateway": network["entry_gateways"][0]["identity"],
        }
        if self.client == "ours":
            # The other one takes every certificate that its browser takes, and knows one directory.
            options["directoryUrl"] = network["directory"]["https"]
            options["caCertificates"] = [self.world.authority_pem]
        return options

    @property
    def site(self) -> dict[str, Any]:
        """What scripts know: where to fetch from, and how often."""
        return {
            "http": self.world.http,
            "webSocket": self.world.web_socket,
            "names": FRESH_NAMES,
            "times": self.cell.repetitions,
            "setup": self.setup_options,
        }

    @contextlib.contextmanager
    def visit(self, asked: dict[str, Any]) -> Iterator[Visit]:
        """Open the client's page in a tab of its own, and close it in the end.

        asked -- what the page does at once; see page/page.js
        """
        page = self.context.new_page()
        try:
            yield Visit(self, page, asked)
        finally:
            with contextlib.suppress(PlaywrightError):  # the browser may have been killed
                page.close()


@contextlib.contextmanager
def new_user(client: Client, cell: Cell, world: World) -> Iterator[User]:
    """A user who has never been here."""
    rules = f"MAP {DIRECTORY_HOST}:443 127.0.0.1:{world.directory_port},MAP * 127.0.0.1"
    flags = [
        f"--host-resolver-rules={rules}",
        "--ignore-certificate-errors",
        "--disable-features=SpareRendererForSitePerProcess",
        "--js-flags=--expose-gc",
    ]
    with (
        TemporaryDirectory(prefix="bench-user-", ignore_cleanup_errors=True) as folder,
        chromium_with_profile(Path(folder), flags) as context,
    ):
        yield User(client, cell, world, Path(folder), context)


class Visit:
    """A page that does what it was asked for."""

    def __init__(self, user: User, page: Page, asked: dict[str, Any]) -> None:
        self.user = user
        self._page = page
        page.goto(f"{user.world.pages}/page/{user.client}#{quote(json.dumps(asked))}")

    def started(self, timeout_s: float) -> dict[str, float]:
        """When what was asked for was done, in milliseconds since the navigation; see page/page.js."""
        marks: dict[str, float] = self.call("() => bench.started", None, timeout_s)
        return marks

    def call(self, script: str, argument: object, timeout_s: float) -> Any:
        """Run an `async (client, argument) => …` in the page. Raises `Failed`, after the time-out too."""
        watchdog = threading.Timer(timeout_s + GRACE_S, kill_browser, [self.user.profile])
        watchdog.start()
        try:
            self._page.wait_for_function("window.bench", timeout=1000 * timeout_s)
            return self._page.evaluate(_CALL.replace("SCRIPT", script), [argument, timeout_s])
        except PlaywrightError as error:
            raise Failed(error.message.splitlines()[0][:300]) from None
        finally:
            watchdog.cancel()

    def in_worker(self, script: str) -> Any:
        """Run a function in the client's worker. Raises `Failed` where there is none (any more)."""
        if not self._page.workers:
            raise Failed("the worker is gone")
        return self._page.workers[0].evaluate(script)

    def wait(self, seconds: float) -> None:
        """Let the page be."""
        self._page.wait_for_timeout(1000 * seconds)

    @property
    def renderer(self) -> Renderer:
        """The process that the page and its worker run in."""
        return find_renderer(self.user.profile)

    def memory_mb(self) -> float:
        """The renderer's memory once garbage is collected."""
        for _ in range(2):
            self._page.evaluate("gc()")
            self.in_worker("() => gc()")
        self.wait(1)
        return self.renderer.memory_mb()
