"""One visit of a client's page, in a browser with a user's folder of its own."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal
from urllib.parse import quote

from bench.side_by_side.cell import Cell
from bench.side_by_side.devtools import Connection, DevtoolsError, running_browser
from bench.side_by_side.renderer import Renderer, find_renderer
from bench.side_by_side.world import DIRECTORY_HOST, FRESH_NAMES, World

Client = Literal["ours", "theirs"]
CLIENTS: tuple[Client, ...] = ("ours", "theirs")
SETTLE_S = 4
"""What compiling took is given back by then."""
GRACE_S = 10
"""How long after a time-out the page may take to say so, before it is given up."""

# The time-out is kept in the page, so that the next measurement finds a page that listens.
_CALL = """
(async () => {
  const late = new Promise((_, reject) => {
    setTimeout(() => reject(new Error("not done after %(timeout_s)g s")), %(timeout_s)g * 1000);
  });
  const act = async () => {
    while (!globalThis.bench) await new Promise((resolve) => setTimeout(resolve, 20));
    return (%(script)s)(bench.client, %(argument)s);
  };
  return Promise.race([act(), late]);
})()
"""


@dataclass(frozen=True)
class User:
    """A browser with its folder, in which caches survive a visit but not the user."""

    client: Client
    cell: Cell
    world: World
    profile: Path
    browser: Connection

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
        visit = Visit(self, asked)
        try:
            yield visit
        finally:
            with contextlib.suppress(DevtoolsError):  # it may be gone
                visit.close()


@contextlib.contextmanager
def new_user(client: Client, cell: Cell, world: World) -> Iterator[User]:
    """A user who has never been here."""
    rules = f"MAP {DIRECTORY_HOST}:443 127.0.0.1:{world.directory_port},MAP * 127.0.0.1"
    flags = [f"--host-resolver-rules={rules}", "--ignore-certificate-errors"]
    with (
        TemporaryDirectory(prefix="bench-user-", ignore_cleanup_errors=True) as folder,
        running_browser(Path(folder), flags) as browser,
    ):
        yield User(client, cell, world, Path(folder), browser)


class Visit:
    """A page that does what it was asked for."""

    def __init__(self, user: User, asked: dict[str, Any]) -> None:
        self.user = user
        self._browser = user.browser
        url = f"{user.world.pages}/page/{user.client}#{quote(json.dumps(asked))}"
        self._target = self._browser.send("Target.createTarget", {"url": "about:blank"})["targetId"]
        attach = {"targetId": self._target, "flatten": True}
        self._page = self._browser.send("Target.attachToTarget", attach)["sessionId"]
        self._browser.send("Page.navigate", {"url": url}, self._page)

    def close(self) -> None:
        """Close the tab."""
        self._browser.send("Target.closeTarget", {"targetId": self._target})

    def started(self, timeout_s: float) -> dict[str, float]:
        """When what was asked for was done, in milliseconds since the navigation; see page/page.js."""
        marks: dict[str, float] = self.call("() => bench.started", None, timeout_s)
        return marks

    def call(self, script: str, argument: object, timeout_s: float) -> Any:
        """Run an `async (client, argument) => …` in the page. Raises `DevtoolsError`, after the time-out too."""
        call = _CALL % {"script": script, "argument": json.dumps(argument), "timeout_s": timeout_s}
        return self._browser.evaluate(call, self._page, timeout_s + GRACE_S)

    def in_worker(self, script: str) -> Any:
        """Run an expression in the client's worker."""
        return self._browser.evaluate(script, self._browser.worker_of(self._page))

    @property
    def renderer(self) -> Renderer:
        """The process that the page and its worker run in."""
        return find_renderer(self.user.profile)

    def memory_mb(self) -> float:
        """The renderer's memory once garbage is collected."""
        for _ in range(2):
            self._browser.evaluate("gc()", self._page)
            self.in_worker("gc()")
        time.sleep(SETTLE_S)
        return self.renderer.memory_mb()
