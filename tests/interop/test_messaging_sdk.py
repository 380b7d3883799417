"""Two clients of the published messaging SDK, unmodified, write to each other through our network.

It is older than the published tunnel: it registers with protocol 3, authenticates with 4, and has no exit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from interop.bundling import PAGE, ROOT, bundled
from playwright.sync_api import Page
from support.chromium import chromium, new_context
from support.processes import local_network
from support.servers import pattern, serve_http

BODY = pattern(50_000)
PATIENCE_MS = 120_000
NO_COVER = {
    "traffic": {"disable_main_poisson_packet_distribution": True},
    "cover_traffic": {"disable_loop_cover_traffic_stream": True},
}


@pytest.fixture(scope="module")
def site_files() -> dict[str, tuple[str, bytes]]:
    """The page, the SDK, and the worker that the SDK loads from beside the page."""
    bundle = bundled("messaging-client.js")
    worker = (ROOT / "node_modules/@nymproject/sdk/web-worker-0.js").read_bytes()
    script = "text/javascript"
    return {"/": ("text/html", PAGE), "/page.js": (script, bundle), "/web-worker-0.js": (script, worker)}


@pytest.fixture(scope="module")
def conversation(site_files: dict[str, tuple[str, bytes]]) -> Iterator[tuple[Page, dict[str, str]]]:
    """A page with two connected clients, and their addresses."""
    with local_network() as network, serve_http(site_files) as site, chromium() as browser:
        page = new_context(browser).new_page()
        page.set_default_timeout(PATIENCE_MS)
        logs: list[str] = []
        page.on("console", lambda message: logs.append(message.text))
        page.goto(f"http://localhost:{site.port}/")
        page.wait_for_function("document.title === 'ready'")
        options = {"nymApiUrl": network["directory"]["http"], "forceTls": False, "clientOverride": NO_COVER}
        addresses = {}
        for name in ("alice", "bob"):
            page.evaluate(
                "([name, options]) => void messaging.start(name, options).then((it) => (window[name] = it))",
                [name, options],
            )
            try:
                page.wait_for_function(f"window.{name} !== undefined")
            except Exception:
                print("\n".join(logs))
                raise
            addresses[name] = page.evaluate(f"window.{name}")
        yield page, addresses


def test_text(conversation):
    """Two clients register and write to each other"""
    page, addresses = conversation
    for sender, receiver in (("alice", "bob"), ("bob", "alice")):
        text = f"Grüße von {sender}"
        page.evaluate("([from, to, text]) => messaging.sendText(from, to, text)", [sender, addresses[receiver], text])
        wanted = [{"name": receiver, "text": text}]
        page.wait_for_function("([it]) => messaging.received.text.some((one) => one.text === it.text)", arg=wanted)
        assert wanted[0] in page.evaluate("messaging.received.text")


def test_50_kb(conversation):
    """50 kB from one client to the other"""
    page, addresses = conversation
    page.evaluate("([to, bytes]) => messaging.sendBytes('alice', to, bytes)", [addresses["bob"], list(BODY)])
    page.wait_for_function("messaging.received.bytes.length")
    digest = hashlib.sha256(BODY).hexdigest()
    assert page.evaluate("messaging.received.bytes") == [{"name": "bob", "size": len(BODY), "sha256": digest}]


@pytest.mark.interop_slow
def test_1_mb(conversation):
    """1 MB from one client to the other"""
    page, addresses = conversation
    large = pattern(1_000_000)
    page.evaluate("messaging.received.bytes.splice(0)")
    page.evaluate("([to, bytes]) => messaging.sendBytes('alice', to, bytes)", [addresses["bob"], list(large)])
    page.wait_for_function("messaging.received.bytes.length", timeout=240_000)
    digest = hashlib.sha256(large).hexdigest()
    assert page.evaluate("messaging.received.bytes") == [{"name": "bob", "size": len(large), "sha256": digest}]
