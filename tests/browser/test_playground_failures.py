"""What the playground says when something goes wrong, in the tunnel, at the site, or with the page itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, expect

from .conftest import READY_MS, watch

if TYPE_CHECKING:
    from .conftest import Playground, Watched

DIRECTORY = re.compile("/api/")


@pytest.mark.parametrize(
    ("example", "code", "advice"),
    [
        ("a wrong certificate", "tls.wrong_host", "check the name in the URL"),
        ("nobody listens", "tcp.connection_refused", "nothing listens on that port"),
        ("no such name", "dns.name_not_found", "check its spelling"),
        ("a body that is cut", "http.body_cut", "500 bytes had arrived"),
    ],
)
def test_examples_that_fail_say_why(browser: Browser, playground: Playground, example: str, code: str, advice: str):
    with watch(browser, playground) as watched:
        page = watched.page
        watched.connect()
        page.get_by_role("tabpanel", name="Fetch").get_by_role("button", name=example).click()
        page.get_by_test_id("fetch-send").click()
        expect(page.get_by_test_id("fetch-status")).to_have_text("failed")
        expect(page.get_by_test_id("fetch-error").locator("code")).to_have_text(code)
        expect(page.get_by_test_id("fetch-error")).to_contain_text(advice)


def test_a_tunnel_that_cannot_be_made_says_why_and_can_be_tried_again(watched: Watched):
    page = watched.page
    page.context.route(DIRECTORY, lambda route: route.abort())
    page.get_by_test_id("connect").click()
    expect(page.get_by_test_id("tunnel-state")).to_have_text("failed", timeout=READY_MS)
    expect(page.get_by_test_id("tunnel-error").locator("code")).to_have_text("platform.get_failed")
    expect(page.get_by_test_id("tunnel-error")).to_contain_text("directory could not be reached")
    expect(page.get_by_test_id("steps").locator("li.failed")).to_be_visible()
    expect(page.get_by_test_id("fetch-send")).to_be_disabled()
    expect(page.get_by_test_id("try-hint")).to_be_visible()
    page.context.unroute(DIRECTORY)
    watched.connect()
    expect(page.get_by_test_id("tunnel-error")).to_be_hidden()
    expect(page.get_by_test_id("try-hint")).to_be_hidden()
    expect(page.get_by_test_id("fetch-send")).to_be_enabled()


def test_disconnecting_ends_a_download_with_a_sentence(watched: Watched):
    page = watched.page
    watched.connect()
    page.get_by_role("tab", name="Download").click()
    page.get_by_role("button", name="20 MB").click()
    page.get_by_test_id("download-start").click()
    expect(page.get_by_test_id("download-received")).to_have_text(re.compile(r"^[1-9][\d.]* [kM]B of 20\.0 MB$"))
    watched.disconnect()
    expect(page.get_by_test_id("download-status")).to_have_text("failed")
    expect(page.get_by_test_id("download-error").locator("code")).to_have_text("tunnel.closed")
    expect(page.get_by_test_id("download-error")).to_contain_text("Connect the tunnel and start it again")
    expect(page.get_by_test_id("download-stop")).to_be_hidden()


def test_each_tab_has_a_tunnel_of_its_own_and_a_reload_ends_it(browser: Browser, playground: Playground):
    with watch(browser, playground) as first, watch(browser, playground) as second:
        for watched in (first, second):
            watched.connect()
        first.reload()
        expect(first.page.get_by_test_id("tunnel-state")).to_have_text("not connected")
        second.fetch(f"{playground.https}/json")
        expect(second.page.get_by_test_id("fetch-status")).to_have_text("200 OK")
        first.connect()
        first.fetch(f"{playground.https}/json")
        expect(first.page.get_by_test_id("fetch-status")).to_have_text("200 OK")


def test_where_one_goes_is_kept_nowhere(watched: Watched, playground: Playground):
    page = watched.page
    watched.connect()
    for test_id, text in (
        ("fetch-url", f"{playground.https}/json?secret-1"),
        ("fetch-request-headers", "X-A: secret-2"),
    ):
        page.get_by_test_id(test_id).evaluate("(field, text) => { field.value = text; }", text)
        page.get_by_test_id(test_id).dispatch_event("input", {"bubbles": True})
    page.get_by_test_id("fetch-send").click()
    expect(page.get_by_test_id("fetch-body")).to_contain_text("secret-2")
    page.goto(f"{playground.url}#dns")
    page.get_by_test_id("dns-name").fill("secret-3.example")
    page.goto(f"{playground.url}#socket")
    page.get_by_test_id("socket-text").fill("secret-4")
    stores = "JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie])"
    kept = page.evaluate(stores)
    assert "tunnel-form" in kept, "the options are kept"
    assert "secret" not in kept
    assert page.evaluate("indexedDB.databases()") == []
    assert page.evaluate("caches.keys()") == []


def test_it_works_where_nothing_may_be_kept(browser: Browser, playground: Playground):
    with watch(browser, playground) as watched:
        page = watched.page
        refuse = "{ get() { throw new DOMException('no', 'SecurityError'); } }"
        page.add_init_script(f"Object.defineProperty(window, 'sessionStorage', {refuse});")
        watched.reload()
        page.get_by_test_id("cover-traffic").uncheck()
        watched.connect()
        expect(page.get_by_test_id("fetch-send")).to_be_enabled()
