"""Debian's Firefox, driven by WebDriver BiDi, which it speaks by itself on a WebSocket.

Playwright drives a Firefox of its own making alone; this is the one that people have. Of the protocol only what tests
need is here: one page, scripts in it, what it writes, and what goes wrong in it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

EXECUTABLE = "/usr/bin/firefox-esr"
START_S = 120
PATIENCE_S = 180
# The first keep the browser from calling its maker; pages of http://localhost are as trusted as in Chromium.
PREFERENCES = {
    "app.update.enabled": False,
    "browser.safebrowsing.downloads.remote.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.region.network.url": "",
    "browser.shell.checkDefaultBrowser": False,
    "captivedetect.canonicalURL": "",
    "datareporting.policy.dataSubmissionEnabled": False,
    "dom.push.connection.enabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.manage-offline-status": False,
    "network.dns.disablePrefetch": True,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "toolkit.telemetry.enabled": False,
}
_LISTENING = re.compile(r"WebDriver BiDi listening on (ws://\S+)")


class ScriptFailed(Exception):
    """A script in the page has thrown, or the browser has refused a command."""


@dataclass
class FirefoxPage:
    """A tab, its console, and the errors that nobody caught in it."""

    _socket: ClientConnection
    _context: str = ""
    written: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def go(self, url: str) -> None:
        """Load a page and wait for it."""
        self._call("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def run(self, code: str, **values: Any) -> Any:
        """The JSON value of an asynchronous function's body, which has `values`; raises `ScriptFailed`."""
        function = f"async () => JSON.stringify(await (async (values) => {{ {code} }})({json.dumps(values)})) ?? null"
        answer = self._call(
            "script.evaluate", expression=f"({function})()", target={"context": self._context}, awaitPromise=True
        )
        if answer["type"] == "exception":
            raise ScriptFailed(answer["exceptionDetails"]["text"])
        text = answer["result"].get("value")
        return None if text is None else json.loads(text)

    @contextlib.contextmanager
    def other_tab(self) -> Iterator[FirefoxPage]:
        """Another tab of this browser, until the block ends; what it writes is noted here as well."""
        context = self._call("browsingContext.create", type="tab")["context"]
        try:
            yield replace(self, _context=context)
        finally:
            self._call("browsingContext.close", context=context)

    def _call(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(PATIENCE_S))
            if message.get("type") == "event":
                self._note(message["params"])
            elif message.get("id") == number:
                if message["type"] == "error":
                    raise ScriptFailed(f"{method}: {message['error']}: {message['message']}")
                return message["result"]

    def _note(self, entry: dict[str, Any]) -> None:
        text = entry.get("text") or ""
        (self.errors if entry.get("type") == "javascript" and entry.get("level") == "error" else self.written).append(
            text
        )


@contextlib.contextmanager
def firefox_page() -> Iterator[FirefoxPage]:
    """A headless Firefox with a fresh profile and one page."""
    with tempfile.TemporaryDirectory(prefix="firefox-", ignore_cleanup_errors=True) as profile:
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items()]
        Path(profile, "user.js").write_text("".join(lines))
        command = [EXECUTABLE, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"]
        # Firefox wants a home that is its user's own.
        environment = {"PATH": "/usr/bin:/bin", "HOME": profile, "MOZ_CRASHREPORTER_DISABLE": "1"}
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        try:
            with connect(f"{_address(process)}/session", open_timeout=START_S, max_size=None, proxy=None) as socket:
                page = FirefoxPage(socket)
                page._call("session.new", capabilities={})
                page._call("session.subscribe", events=["log.entryAdded"])
                page._context = page._call("browsingContext.create", type="tab")["context"]
                yield page
                page._call("browser.close")
        finally:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            if process.poll() is None:
                process.kill()
                process.wait()
            process.stderr.close()


def _address(process: subprocess.Popen[str]) -> str:
    """Where the browser listens, which it tells on its standard error; the rest of that is read and thrown away."""
    watchdog = threading.Timer(START_S, process.kill)
    watchdog.start()
    try:
        for line in process.stderr:
            if found := _LISTENING.search(line):
                threading.Thread(target=lambda: list(process.stderr), daemon=True).start()
                return found[1]
    finally:
        watchdog.cancel()
    raise AssertionError("Firefox has ended before it was ready")
