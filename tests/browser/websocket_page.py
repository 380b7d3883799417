"""Runs JavaScript in a page that has mix-websocket at hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from support.tls_server import authority, pem_of

from .conftest import NO_COVER, read_json, watch

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from .conftest import Playground

PRELUDE = """
  const { MixWebSocket, setupMixTunnel, disconnectMixTunnel } = await import("/mix-websocket/index.js");
  const { options, sites } = values;
  const describe = (error) => error && ({ name: error.name, isDOMException: error instanceof DOMException,
    isTypeError: error instanceof TypeError, code: typeof error.code === "string" ? error.code : null });
  const thrown = (run) => { try { run(); return null; } catch (error) { return describe(error); } };
  const caught = async (promise) => promise.then(() => null, describe);
  const next = (socket, type) => new Promise((resolve) => socket.addEventListener(type, resolve, { once: true }));
  const messages = async function* (socket) {
    const arrived = [];
    let wake = () => {};
    socket.addEventListener("message", ({ data }) => { arrived.push(data); wake(); });
    while (true) {
      while (arrived.length === 0) await new Promise((resolve) => (wake = resolve));
      yield arrived.shift();
    }
  };
  const ask = (socket) => {
    const answers = messages(socket);
    return async (message) => {
      const answer = answers.next();
      await socket.send(message);
      return (await answer).value;
    };
  };
  const end = async (socket) => {
    const log = [];
    socket.addEventListener("open", () => log.push("open"));
    socket.addEventListener("error", ({ message, error }) => log.push(["error", error.code, message]));
    socket.addEventListener("close", ({ code, reason, wasClean }) => log.push(["close", code, reason, wasClean]));
    await next(socket, "close");
    return log;
  };
"""


@contextmanager
def websocket_page(browser: Browser, playground: Playground, sites: dict[str, str]) -> Iterator[Any]:
    """Runs JavaScript in a page with our package at hand, on a tunnel that is ready."""
    authorities = [*read_json(f"{playground.url}playground.json")["caCertificates"], pem_of(authority())]
    options = {"directoryUrl": f"{playground.url}api", "caCertificates": authorities, **NO_COVER}
    with watch(browser, playground) as watched_page:

        def run(code: str, **values: Any) -> Any:
            script = f"async (values) => {{ {PRELUDE} {code} }}"
            return watched_page.page.evaluate(script, {"options": options, "sites": sites, **values})

        run("await setupMixTunnel(options)")
        yield run
