"""The snippets in the published packages' READMEs run after changing their imports only, through a local mixnet.

They are read from the installed READMEs when the test runs. What is changed: the specifiers after `from`. They lead to
modules that re-export ours, with two options preset that a private network needs and the public one does not: where the
directory is, and whose certificates are trusted. The "..." of a README stands for an address, and gets one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Route
from support.chromium import new_context
from support.http_server import Conversation, serve_conversations
from support.processes import first_line, running
from support.threaded import in_thread
from support.tls_server import authority, certificate, pem_of, serve, server_context
from support.websocket_server import mirror
from websockets.frames import Opcode

from .conftest import PATIENCE_MS
from .waiting import wait_until

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "node_modules/@nymproject"
WITHOUT_COUNTERPART = ("sdk",)
"""Messages between mixnet clients: none of our packages does that. Our gateway serves them, see tests/interop."""
WEB, ECHO = "example.com", "echo.websocket.events"
ADDRESSES = {WEB: "127.0.5.1", ECHO: "127.0.5.2"}
PAGE = b"<!doctype html><title>Example</title>"
NOT_RUN = {("mix-tunnel", "mix-tunnel\n  + (owns the Web Worker)"): "a drawing of which package stands on which"}
"""Blocks that are no programs, by package and how they begin; and what they are."""


@dataclass(frozen=True)
class Snippet:
    """One block of code of a README."""

    package: str
    number: int
    language: str
    code: str
    first: str
    """The README's first block, which a block without imports goes on from."""

    def __str__(self) -> str:
        return f"{self.package}-{self.number}"

    @property
    def program(self) -> str:
        """The whole module."""
        return self.code if "import " in self.code else f"{self.first}\n{{\n{self.code}\n}}"

    @property
    def why_not_run(self) -> str | None:
        for (package, beginning), reason in NOT_RUN.items():
            if package == self.package and self.code.startswith(beginning):
                return reason
        return None


def snippets() -> Iterator[Snippet]:
    """Every block of the README of every published package that one of ours stands for."""
    for folder in sorted(PUBLISHED.iterdir()):
        if folder.name in WITHOUT_COUNTERPART:
            continue
        blocks = re.findall(r"^```(\w*)\n(.*?)^```", (folder / "README.md").read_text(), re.M | re.S)
        for number, (language, code) in enumerate(blocks):
            yield Snippet(folder.name, number, language, code, blocks[0][1])


SNIPPETS = list(snippets())
PROGRAMS = [snippet for snippet in SNIPPETS if snippet.language in ("ts", "js", "javascript", "typescript")]


@dataclass
class Visits:
    """What the two sites saw."""

    requests: list[dict[str, str]] = field(default_factory=list)
    """Headers of each request to the web site."""
    connections: int = 0
    """WebSockets that were opened to the echo."""
    messages: list[str] = field(default_factory=list)
    closes: list[tuple[int, str]] = field(default_factory=list)
    """Codes and reasons of their ends."""


@dataclass
class VisitorsBook:
    """Its page of the moment. What comes of a connection is written on the page of its beginning, for a snippet that
    closes nothing leaves a WebSocket that ends whenever its time is up."""

    page: Visits = field(default_factory=Visits)


@contextlib.asynccontextmanager
async def sites() -> AsyncIterator[VisitorsBook]:
    """The web site by https and the WebSocket echo, on the ports that the public ones have."""
    book = VisitorsBook()

    async def talk(conversation: Conversation) -> None:
        visits = book.page
        while True:
            visits.requests.append((await conversation.request()).headers)
            await conversation.respond(body=PAGE, Content_Type="text/html")

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits = book.page
        visits.connections += 1

        def note(opcode: int, data: bytes) -> None:
            if opcode == Opcode.TEXT:
                visits.messages.append(data.decode())
            elif opcode == Opcode.CLOSE:
                visits.closes.append((int.from_bytes(data[:2]), data[2:].decode()))

        await mirror(reader, writer, note)

    web, talking = (server_context(certificate(name)) for name in (WEB, ECHO))
    async with (
        serve_conversations(talk, web, host=ADDRESSES[WEB], port=443),
        serve(echo, talking, host=ADDRESSES[ECHO], port=443),
    ):
        yield book


@pytest.fixture(scope="module")
def book() -> Iterator[VisitorsBook]:
    try:
        with in_thread(sites()) as book:
            yield book
    except PermissionError:
        pytest.skip("port 443 of loopback needs more rights than these")


@pytest.fixture
def visits(book: VisitorsBook) -> Visits:
    book.page = Visits()
    return book.page


@pytest.fixture(scope="module")
def local_page() -> Iterator[dict[str, Any]]:
    """The packages on a page's origin, and a network that knows the sites' names."""
    names = [word for name, address in ADDRESSES.items() for word in ("--host", f"{name}={address}")]
    with running(
        [sys.executable, str(ROOT / "web/playground.py"), "--port", "0", "--json", "--", "--allow-local", *names]
    ) as process:
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


def prepared(program: str, ready: dict[str, Any]) -> str:
    """The snippet as a module that exports what it has at its top level."""
    (exit_gateway,) = ready["network"]["exit_gateways"][:1]
    code = imports_changed(program).replace("'...'", json.dumps(exit_gateway["ip_packet_router"]))
    names = dict.fromkeys(re.findall(r"^const (\w+) =", code, re.M))
    return f"{code}\nexport {{ {', '.join(names)} }};"


RUN = """async () => {
  const { res, html, ip, state, ws } = await import("/private/snippet.js");
  await ws?.opened();
  const text = html ?? (res?.bodyUsed === false ? await res.text() : null);
  return { status: res?.status ?? null, text, ip: ip ?? null, state: state ?? null };
}"""


@pytest.mark.parametrize("snippet", PROGRAMS, ids=str)
def test_snippet(browser: Browser, local_page: dict[str, Any], visits: Visits, snippet: Snippet):
    """It runs to its end, and what it asks for has been asked of the right site."""
    code = snippet.program
    context = new_context(browser)
    context.set_default_timeout(PATIENCE_MS)
    try:
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        context.route("**/private/*.js", lambda route: serve_module(route, local_page, prepared(code, local_page)))
        page.goto(local_page["url"])
        got = page.evaluate(RUN)
        assert len(visits.requests) == code.count("await mixFetch(")
        if "const res" in code:
            assert (got["status"], got["text"]) == (200, PAGE.decode())
        if "my-app/1.0" in code:
            assert [request["user-agent"] == "my-app/1.0" for request in visits.requests] == [False, True]
        if "const ip" in code:
            assert got["ip"] == ADDRESSES[WEB]
            wait_until(lambda: ADDRESSES[WEB] in said, page)
        if "getTunnelState()" in code:
            assert got["state"]["state"] == "ready"
        if "new MixWebSocket" in code:
            wait_until(lambda: visits.connections == 1)
        if "ws.close(1000, 'done')" in code:
            wait_until(lambda: visits.closes)
            assert (visits.messages, visits.closes) == (["hello"], [(1000, "done")])
            wait_until(lambda: "received hello" in said, page)
    finally:
        context.close()


def test_every_block_is_run_or_said_to_be_no_program():
    unknown = [str(snippet) for snippet in SNIPPETS if snippet not in PROGRAMS and not snippet.why_not_run]
    assert unknown == [], "run these too, or tell in NOT_RUN why not"
    assert sum(snippet.why_not_run is not None for snippet in SNIPPETS) == len(NOT_RUN), "NOT_RUN has what is not there"


def test_every_published_package_has_a_program():
    assert {snippet.package for snippet in PROGRAMS} == {"mix-dns", "mix-fetch", "mix-tunnel", "mix-websocket"}
