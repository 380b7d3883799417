"""The playground's WebSocket panel, against the demo site's echo over TLS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, expect

from .conftest import watch

if TYPE_CHECKING:
    from .conftest import Playground


@pytest.fixture(scope="module")
def page(browser: Browser, playground: Playground) -> Iterator[Page]:
    with watch(browser, playground, "#socket") as watched:
        expect(watched.page.get_by_test_id("socket-connect")).to_be_disabled()
        watched.connect()
        yield watched.page


@pytest.fixture
def opened(page: Page, playground: Playground) -> Iterator[Page]:
    page.get_by_test_id("socket-url").fill(f"{playground.https.replace('https', 'wss')}/echo")
    page.get_by_test_id("socket-connect").click()
    expect(page.get_by_test_id("socket-status")).to_contain_text("open after")
    yield page
    page.get_by_test_id("socket-close").click()
    expect(page.get_by_test_id("socket-connect")).to_be_enabled()


def test_an_echo(opened: Page):
    for text in ("hello", "grüße"):
        opened.get_by_test_id("socket-text").fill(text)
        opened.get_by_test_id("socket-text").press("Enter")
        expect(opened.get_by_test_id("socket-lines").locator("li.in").last).to_have_text(f"came {text}")
    expect(opened.get_by_test_id("socket-lines").locator("li.out")).to_have_text(["sent hello", "sent grüße"])


def test_a_burst_is_timed(opened: Page):
    opened.get_by_test_id("burst-count").fill("30")
    opened.get_by_test_id("burst-start").click()
    expect(opened.get_by_test_id("burst-status")).to_have_text(re.compile(r"^30 of 30 echoes in .*, [\d.]+ a second$"))
    histogram = opened.get_by_test_id("burst-histogram")
    expect(histogram.get_by_role("img")).to_have_attribute(
        "aria-label", re.compile("^Time from sending to the echo: Half within ")
    )
    histogram.get_by_text("As a table").click()
    assert sum(int(text) for text in histogram.locator("tbody td").all_inner_texts()) == 30
    expect(opened.get_by_test_id("burst-start")).to_be_enabled()


# Both in one turn: the echo of what was sent first comes while the burst is under way.
SEND_AND_BURST = """() => {
  for (const id of ["socket-talk", "burst-form"]) document.getElementById(id).requestSubmit();
}"""


def test_a_burst_hides_no_other_echoes(opened: Page):
    opened.get_by_test_id("burst-count").fill("400")
    opened.get_by_test_id("socket-text").fill("before them all")
    opened.evaluate(SEND_AND_BURST)
    expect(opened.get_by_test_id("burst-status")).to_contain_text("400 of 400 echoes")
    opened.get_by_test_id("socket-text").fill("after them")
    opened.get_by_test_id("socket-send").click()
    lines = opened.get_by_test_id("socket-lines").locator("li.in")
    expect(lines).to_have_text(["came before them all", "came after them"])


def test_subprotocols_and_the_close_code(page: Page):
    page.get_by_text("Subprotocols, and how to close").click()
    page.get_by_test_id("socket-protocols").fill("chat, other")
    page.get_by_test_id("socket-connect").click()
    expect(page.get_by_test_id("socket-status")).to_have_text(re.compile(r"^open after .*s, chat, compressed$"))
    page.get_by_test_id("socket-code").fill("1234")
    page.get_by_test_id("socket-close").click()
    expect(page.get_by_test_id("socket-error").locator("code")).to_have_text("InvalidAccessError")
    expect(page.get_by_test_id("socket-status")).to_contain_text("open after")
    page.get_by_test_id("socket-code").fill("4001")
    page.get_by_test_id("socket-reason").fill("enough")
    page.get_by_test_id("socket-close").click()
    expect(page.get_by_test_id("socket-status")).to_have_text("closed with code 4001 (enough)")
    page.get_by_test_id("socket-code").fill("1000")
    page.get_by_test_id("socket-protocols").fill("")


def test_the_servers_close_code(page: Page, playground: Playground):
    page.get_by_test_id("socket-url").fill(f"{playground.https.replace('https', 'wss')}/close/4321")
    page.get_by_test_id("socket-connect").click()
    expect(page.get_by_test_id("socket-status")).to_have_text("closed with code 4321 (code 4321, as asked for)")
    expect(page.get_by_test_id("socket-connect")).to_be_enabled()


@pytest.mark.parametrize(("path", "code"), [("/json", "websocket."), ("//nobody.invalid/", "dns.name_not_found")])
def test_a_failure_has_its_code(page: Page, playground: Playground, path: str, code: str):
    origin = "wss:" if path.startswith("//") else playground.https.replace("https", "wss")
    page.get_by_test_id("socket-url").fill(origin + path)
    page.get_by_test_id("socket-connect").click()
    expect(page.get_by_test_id("socket-status")).to_have_text("closed with code 1006, not cleanly")
    expect(page.get_by_test_id("socket-error").locator("code")).to_have_text(re.compile(f"^{re.escape(code)}"))


def test_what_can_be_no_websocket_is_said_at_once(page: Page):
    page.get_by_test_id("socket-url").fill("ftp://demo.test/")
    page.get_by_test_id("socket-connect").click()
    expect(page.get_by_test_id("socket-error").locator("code")).to_have_text("SyntaxError")
    expect(page.get_by_test_id("socket-connect")).to_be_enabled()
