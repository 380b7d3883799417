"""The small pages that a reader copies: each does what it says, and is short."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, expect

from .conftest import READY_MS, ROOT, watch

if TYPE_CHECKING:
    from .conftest import Playground

EXAMPLES = sorted((ROOT / "web/examples").glob("*.html"))
MOST_LINES = 60


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_they_are_short(path):
    text = path.read_text()
    assert text.count("\n") < MOST_LINES
    assert re.search(r'from "mix-\w+"', text), "imports as a bundler's user writes them"


def test_fetch(browser: Browser, playground: Playground):
    with watch(browser, playground, "examples/fetch.html") as watched:
        status = watched.page.get_by_role("status")
        expect(status).to_have_text("connected", timeout=READY_MS)
        watched.page.get_by_role("button", name="Fetch").click()
        expect(status).to_have_text(f"200 from {playground.https}/json")
        expect(watched.page.locator("pre")).to_contain_text('"you":"127.0.0.2"')
        watched.page.get_by_label("URL").fill("https://nobody.invalid/")
        watched.page.get_by_role("button", name="Fetch").click()
        expect(status).to_contain_text("(dns.name_not_found)")


def test_dns(browser: Browser, playground: Playground):
    with watch(browser, playground, "examples/dns.html") as watched:
        page = watched.page
        expect(page.get_by_role("status")).to_have_text("connected; demo.test is at 127.0.0.1", timeout=READY_MS)
        page.get_by_label("Type").select_option("MX")
        page.get_by_role("button", name="Resolve").click()
        expect(page.get_by_role("listitem")).to_have_count(2)
        # Records of a name are a set: they come in any order.
        expect(page.get_by_role("listitem").filter(has_text="MX 10 mail.demo.test.")).to_have_count(1)
        expect(page.get_by_role("status")).to_contain_text("answered over udp in")


def test_websocket(browser: Browser, playground: Playground):
    with watch(browser, playground, "examples/websocket.html") as watched:
        page = watched.page
        expect(page.get_by_role("status")).to_contain_text("open", timeout=READY_MS)
        for message in ("hello", "grüße"):
            page.get_by_label("Message").fill(message)
            page.get_by_role("button", name="Send").click()
        expect(page.get_by_role("listitem")).to_have_text(["hello", "grüße"])
        page.get_by_role("button", name="Close").click()
        expect(page.get_by_role("status")).to_have_text("closed with code 1000 done")


def test_tunnel(browser: Browser, playground: Playground):
    with watch(browser, playground, "examples/tunnel.html") as watched:
        page = watched.page
        page.get_by_role("button", name="Connect", exact=True).click()
        expect(page.get_by_role("status")).to_contain_text("ready", timeout=READY_MS)
        expect(page.get_by_role("listitem").filter(has_text="asking_exit")).to_have_count(1)
        expect(page.locator("#cover")).to_have_text(re.compile("[1-9]"))
        page.get_by_role("button", name="Disconnect").click()
        expect(page.get_by_role("status")).to_contain_text("shutdown")


def test_statistics_are_asked_for_while_the_tunnel_ends(browser: Browser, playground: Playground):
    with watch(browser, playground, "examples/tunnel.html") as watched:
        page = watched.page
        page.add_init_script("const often = setInterval; window.setInterval = (run) => often(run, 1);")
        page.reload()
        page.get_by_role("button", name="Connect", exact=True).click()
        expect(page.locator("#data")).to_have_text(re.compile("[1-9]"), timeout=READY_MS)
        page.get_by_role("button", name="Disconnect").click()
        expect(page.get_by_role("status")).to_contain_text("shutdown")


def test_the_playground_leads_to_them(browser: Browser, playground: Playground):
    with watch(browser, playground) as watched:
        links = watched.page.get_by_test_id("example-pages").get_by_role("link")
        expect(links).to_have_count(len(EXAMPLES))
        targets = {link.get_attribute("href") for link in links.all()}
        assert targets == {f"examples/{path.name}" for path in EXAMPLES}
        answer = watched.page.request.get(f"{playground.url}examples/fetch.html")
        policy = answer.headers["content-security-policy"]
        assert re.search(r"script-src 'sha256-[\w+/=]+' 'sha256-[\w+/=]+' 'self' 'wasm-unsafe-eval';", policy)
        assert "unsafe-inline" not in policy
        assert watched.page.request.get(f"{playground.url}examples/..%2Fplayground.py").status == 404
