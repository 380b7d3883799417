"""The snippets in the published packages' READMEs run after changing their imports only, through a local mixnet.

What is changed: the specifiers after `from`. They lead to modules that re-export ours, with two options preset that a
private network needs and the public one does not: where the directory is, and whose certificates are trusted. The "..."
of a README stands for an address, and gets one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route
from support.processes import first_line, running
from support.threaded import in_thread
from support.tls_server import authority, certificate, pem_of, server_context
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_websocket

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "node_modules/@nymproject"
PACKAGES = ("mix-fetch", "mix-dns", "mix-websocket", "mix-tunnel")
SITES = {"example.com": "127.0.5.1", "echo.websocket.events": "127.0.5.2"}
PAGE = "<!doctype html><title>Example</title>"

pytestmark = pytest.mark.timeout(300)


def snippets() -> list[tuple[str, int, str]]:
    """Package, number and code; what continues an earlier snippet of the same README comes with its first one."""
    found = []
    for package in PACKAGES:
        blocks = re.findall(r"^```ts\n(.*?)^```", (PUBLISHED / package / "README.md").read_text(), re.M | re.S)
        for number, block in enumerate(blocks):
            found.append((package, number, block if "import " in block else f"{blocks[0]}\n{{\n{block}\n}}"))
    return found


SNIPPETS = snippets()


@contextlib.asynccontextmanager
async def sites() -> AsyncIterator[list[dict[str, str]]]:
    """example.com by https and the WebSocket echo; gives the headers of each request to the first."""
    requests: list[dict[str, str]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[1:]
                requests.append(dict(line.lower().split(": ", 1) for line in head if line))
                writer.write(
                    f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(PAGE)}\r\n\r\n{PAGE}".encode()
                )
        writer.close()

    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    def context(name: str) -> ssl.SSLContext:
        return server_context(certificate(name))

    web, talk = SITES
    async with (
        await asyncio.start_server(answer, SITES[web], 443, ssl=context(web)),
        serve_websocket(echo, SITES[talk], 443, ssl=context(talk)),
    ):
        yield requests


@pytest.fixture(scope="module")
def visited() -> Iterator[list[dict[str, str]]]:
    try:
        with in_thread(sites()) as requests:
            yield requests
    except PermissionError:
        pytest.skip("port 443 of loopback needs more rights than these")


@pytest.fixture(scope="module")
def local_page() -> Iterator[dict[str, Any]]:
    """The packages on a page's origin, and a network that knows the sites' names."""
    names = [word for name, address in SITES.items() for word in ("--host", f"{name}={address}")]
    with running([sys.executable, str(ROOT / "web/playground.py"), "--port", "0", "--json", "--", *names]) as process:
        yield json.loads(first_line(process))


def imports_changed(code: str) -> str:
    return re.sub(r"""(from\s+['"])@nymproject/([\w-]+)(['"])""", r"\1/private/\2.js\3", code)


def module_for(package: str, ready: dict[str, Any]) -> str:
    """Our package with the private network's directory and authority preset."""
    preset = {"directoryUrl": f"{ready['url']}api", "caCertificates": [pem_of(authority())]}
    return f"""
      import * as ours from "/{package}/index.js";
      const preset = {json.dumps(preset)};
      export * from "/{package}/index.js";
      export const setupMixTunnel = (options) => ours.setupMixTunnel({{ ...preset, ...options }});
      export const createMixFetch = (options) => ours.createMixFetch?.({{ ...preset, ...options }});
    """


def serve_module(route: Route, ready: dict[str, Any], code: str) -> None:
    name = route.request.url.rsplit("/", 1)[-1].removesuffix(".js")
    body = code if name == "snippet" else module_for(name, ready)
    route.fulfill(body=body, content_type="text/javascript")


def prepared(code: str, ready: dict[str, Any]) -> str:
    """The snippet as a module that exports what it has at its top level."""
    (exit_gateway,) = ready["network"]["exit_gateways"][:1]
    code = imports_changed(code).replace("'...'", json.dumps(exit_gateway["ip_packet_router"]))
    names = re.findall(r"^const (\w+) =", code, re.M)
    return f"{code}\nexport {{ {', '.join(names)} }};"


RUN = """async () => {
  const module = await import("/private/snippet.js");
  const { res, html, ip, state } = module;
  const text = html ?? (res?.bodyUsed === false ? await res.text() : null);
  return { status: res?.status ?? null, text, ip: ip ?? null, state: state?.state ?? null };
}"""


def run(page: Page, ready: dict[str, Any], code: str) -> dict[str, Any]:
    page.context.route("**/private/*.js", lambda route: serve_module(route, ready, prepared(code, ready)))
    page.goto(ready["url"])
    return page.evaluate(RUN)


@pytest.mark.parametrize(
    ("package", "number", "code"), SNIPPETS, ids=[f"{package}-{number}" for package, number, _ in SNIPPETS]
)
def test_snippet(
    browser: Browser,
    local_page: dict[str, Any],
    visited: list[dict[str, str]],
    package: str,
    number: int,
    code: str,
):
    context = browser.new_context()
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    visited.clear()
    try:
        got = run(page, local_page, code)
        if "const res" in code:
            assert (got["status"], got["text"]) == (200, PAGE)
        if "mixFetch('https://" in code:
            assert visited
        if "my-app/1.0" in code:
            assert visited[-1]["user-agent"] == "my-app/1.0"
        if "const ip" in code:
            assert got["ip"] == SITES["example.com"]
            assert SITES["example.com"] in said
        if "getTunnelState()" in code:
            assert got["state"] == "ready"
        if "console.log('received'" in code:
            page.wait_for_timeout(0)
            assert any("received hello" in line for line in said), said
    finally:
        context.close()


def test_there_are_snippets_of_every_package():
    assert {package for package, _, _ in SNIPPETS} == set(PACKAGES)
    assert len(SNIPPETS) >= 7
