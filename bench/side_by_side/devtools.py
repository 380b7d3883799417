"""A Chromium driven through its DevTools protocol by as few commands as can be.

Playwright switches on what a bench must not have: the protocol's Network domain, for one, keeps a copy of everything
that was loaded in the renderer's own memory.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from support.chromium import EXECUTABLE, FLAGS
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

START_S = 60
STOP_S = 10
PATIENCE_S = 60
"""For a command that has nothing to wait for."""
_FLAGS = (
    *FLAGS,
    "--headless",
    "--remote-debugging-port=0",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-features=SpareRendererForSitePerProcess",
    "--js-flags=--expose-gc",
)


class DevtoolsError(Exception):
    """The browser refuses, throws, doesn't answer in time, or is gone; the text says which."""


class Connection:
    """Commands to a browser, and what it answers."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._workers: dict[str, str] = {}

    def send(
        self, method: str, params: dict[str, Any] | None = None, session: str = "", timeout_s: float = PATIENCE_S
    ) -> dict[str, Any]:
        """A command's result. Raises `DevtoolsError`."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = session
        end = time.monotonic() + timeout_s
        try:
            self._socket.send(json.dumps(message))
            while True:
                answer = json.loads(self._socket.recv(max(0.0, end - time.monotonic())))
                self._note(answer)
                if answer.get("id") == number:
                    break
        except TimeoutError:
            raise DevtoolsError(f"no answer to {method} within {timeout_s:g} s") from None
        except (ConnectionClosed, OSError):
            raise DevtoolsError("the browser is gone") from None
        if "error" in answer:
            raise DevtoolsError(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def evaluate(self, expression: str, session: str, timeout_s: float = PATIENCE_S) -> Any:
        """What an expression, or the promise that it gives, comes to."""
        params = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        result = self.send("Runtime.evaluate", params, session, timeout_s)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise DevtoolsError(details.get("exception", {}).get("description", details["text"]).splitlines()[0])
        return result["result"].get("value")

    def worker_of(self, session: str) -> str:
        """The session of a page's worker, its first if it has several."""
        if session not in self._workers:
            attach = {"autoAttach": True, "waitForDebuggerOnStart": False, "flatten": True}
            self.send("Target.setAutoAttach", attach, session)
        if session not in self._workers:
            raise DevtoolsError("the page has no worker")
        return self._workers[session]

    def _note(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        if message.get("method") == "Target.attachedToTarget" and params["targetInfo"]["type"] == "worker":
            # Ours has another one for a while, which lets the browser keep the first one's memory.
            self._workers.setdefault(message["sessionId"], params["sessionId"])


@contextlib.contextmanager
def running_browser(profile: Path, more_flags: Sequence[str] = ()) -> Iterator[Connection]:
    """A browser with a user's folder; it is gone when the block ends, whatever it does then."""
    command = [EXECUTABLE, *_FLAGS, *more_flags, f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with connect(_address(profile, process), max_size=None, compression=None) as socket:
            connection = Connection(socket)
            yield connection
            with contextlib.suppress(DevtoolsError, subprocess.TimeoutExpired):  # it is killed anyway
                connection.send("Browser.close")
                process.wait(STOP_S)
    finally:
        process.kill()
        process.wait()


def _address(profile: Path, process: subprocess.Popen[bytes]) -> str:
    """Where the browser listens, which it writes into its folder."""
    file = profile / "DevToolsActivePort"
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        if file.is_file() and len(lines := file.read_text().splitlines()) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        time.sleep(0.05)
    raise DevtoolsError("Chromium did not start")
