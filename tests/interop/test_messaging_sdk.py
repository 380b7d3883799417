"""Two clients of the published messaging SDK, unmodified, write to each other through our network.

It is older than the published tunnel: it registers with protocol 3, authenticates with 4, and has no exit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from interop.bundling import PAGE, ROOT, bundled
from playwright.sync_api import Page
from support.chromium import chromium, new_context
from support.processes import local_network
from support.servers import pattern, serve_http

PATIENCE_MS = 120_000
SLOW_S = 900
"""For 1 MB, which took three minutes where twenty other programs wanted the two cores."""
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


@dataclass
class Conversation:
    """A page with two connected clients, and their addresses."""

    page: Page
    options: dict[str, Any]
    addresses: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Load the page, and start the clients in it."""
        logs: list[str] = []
        self.page.on("console", lambda message: logs.append(message.text))
        self.page.reload()
        self.page.wait_for_function("document.title === 'ready'")
        for name in ("alice", "bob"):
            self.page.evaluate(
                "([name, options]) => void messaging.start(name, options).then((it) => (window[name] = it))",
                [name, self.options],
            )
            try:
                self.page.wait_for_function(f"window.{name} !== undefined")
            except Exception:
                print("\n".join(logs))
                raise
            self.addresses[name] = self.page.evaluate(f"window.{name}")

    def say(self, sender: str, receiver: str, text: str) -> None:
        """Send a text, and wait until it is there."""
        address = self.addresses[receiver]
        self.page.evaluate("([from, to, text]) => messaging.sendText(from, to, text)", [sender, address, text])
        arrived = {"name": receiver, "text": text}
        self.page.wait_for_function(
            "(it) => messaging.received.text.some((one) => one.name === it.name && one.text === it.text)", arg=arrived
        )

    def hand_over(self, data: bytes) -> None:
        """Send bytes from alice to bob, and wait until they are there."""
        self.page.evaluate("messaging.received.bytes.splice(0)")
        self.page.evaluate("([to, bytes]) => messaging.sendBytes('alice', to, bytes)", [self.addresses["bob"], [*data]])
        self.page.wait_for_function("messaging.received.bytes.length", timeout=SLOW_S * 1000)
        digest = hashlib.sha256(data).hexdigest()
        assert self.page.evaluate("messaging.received.bytes") == [{"name": "bob", "size": len(data), "sha256": digest}]


@pytest.fixture(scope="module")
def conversation(site_files: dict[str, tuple[str, bytes]]) -> Iterator[Conversation]:
    with local_network() as network, serve_http(site_files) as site, chromium() as browser:
        page = new_context(browser).new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"http://localhost:{site.port}/")
        options = {
            "nymApiUrl": network["directory"]["http"],
            "preferredGateway": network["entry_gateways"][0]["identity"],  # else it takes another one after a reload
            "forceTls": False,
            "clientOverride": NO_COVER,
        }
        conversation = Conversation(page, options)
        conversation.start()
        yield conversation


def test_text(conversation: Conversation):
    """Two clients register and write to each other"""
    conversation.say("alice", "bob", "Grüße von alice")
    conversation.say("bob", "alice", "Grüße von bob")


def test_50_kb(conversation: Conversation):
    """50 kB from one client to the other"""
    conversation.hand_over(pattern(50_000))


@pytest.mark.interop_slow
@pytest.mark.timeout(SLOW_S)
def test_1_mb(conversation: Conversation):
    """1 MB from one client to the other"""
    conversation.hand_over(pattern(1_000_000))


def test_reload(conversation: Conversation):
    """A reload with the stored keys: both keep their addresses, and write to each other"""
    before = dict(conversation.addresses)
    conversation.start()
    assert conversation.addresses == before
    conversation.say("alice", "bob", "again")
    conversation.say("bob", "alice", "again")
