"""The playground's DNS panel, against the demo site's own name server by each of its transports."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, expect

from .conftest import READY_MS, watch

if TYPE_CHECKING:
    from .conftest import Playground


@pytest.fixture(scope="module")
def page(browser: Browser, playground: Playground) -> Iterator[Page]:
    with watch(browser, playground, "#dns") as watched:
        watched.connect()
        yield watched.page


def ask(page: Page, name: str, record_type: str) -> None:
    page.get_by_test_id("dns-name").fill(name)
    page.get_by_test_id("dns-type").select_option(record_type)
    page.get_by_test_id("dns-send").click()


def expect_records(page: Page, *records: str) -> None:
    """Each as "TYPE TEXT", in any order."""
    rows = page.get_by_test_id("dns-records").locator("tr")
    expect(page.get_by_test_id("dns-status")).to_have_text(f"{len(records)} record{'s' if len(records) > 1 else ''}")
    found = {f"{row.locator('th').inner_text()} {row.locator('td').last.inner_text()}" for row in rows.all()}
    assert found == set(records)


@pytest.mark.parametrize(
    ("name", "record_type", "records"),
    [
        ("demo.test", "A", ["A 127.0.0.1"]),
        ("demo.test", "MX", ["MX 10 mail.demo.test.", "MX 20 backup.demo.test."]),
        ("demo.test", "CAA", ['CAA 0 issue "ca.example"']),
        ("ipv6.demo.test", "AAAA", ["AAAA 2001:db8::6"]),
    ],
)
def test_records_of_many_types(page: Page, name: str, record_type: str, records: list[str]):
    ask(page, name, record_type)
    expect_records(page, *records)
    expect(page.get_by_test_id("dns-server")).to_have_text(re.compile(r"127\.0\.0\.1.*, udp"))


def test_aliases_lead_to_the_canonical_name(page: Page):
    ask(page, "bücher.demo.test", "A")
    expect_records(page, "A 127.0.0.1")
    expect(page.get_by_test_id("dns-canonical")).to_have_text("demo.test")


def test_the_reverse_of_an_address(page: Page):
    ask(page, "127.0.0.1", "PTR")
    expect_records(page, "PTR demo.test.")


def test_a_long_answer_comes_over_tcp(page: Page):
    ask(page, "long.demo.test", "TXT")
    expect(page.get_by_test_id("dns-status")).to_have_text("40 records")
    expect(page.get_by_test_id("dns-server")).to_have_text(re.compile(", tcp$"))


def test_the_cache_answers_until_it_is_emptied(page: Page):
    ask(page, "mail.demo.test", "A")
    expect_records(page, "A 127.0.0.1")
    expect(page.get_by_test_id("dns-time")).to_have_text(re.compile(r"^\d.* m?s$"))
    page.get_by_test_id("dns-send").click()
    expect(page.get_by_test_id("dns-time")).to_have_text("from the cache")
    page.get_by_test_id("dns-clear").click()
    expect(page.get_by_test_id("dns-said")).to_have_text("the cache is empty")
    page.get_by_test_id("dns-send").click()
    expect(page.get_by_test_id("dns-time")).to_have_text(re.compile(r"^\d.* m?s$"))
    page.get_by_test_id("dns-cache").uncheck()
    page.get_by_test_id("dns-send").click()
    expect_records(page, "A 127.0.0.1")  # before that, the time is still the last one's
    expect(page.get_by_test_id("dns-time")).to_have_text(re.compile(r"^\d.* m?s$"))
    page.get_by_test_id("dns-cache").check()


@pytest.mark.parametrize(
    ("example", "code", "advice"),
    [
        ("no such name", "dns.name_not_found", "check its spelling"),
        ("no such record", "dns.no_data", "no record of this type"),
        ("a broken server", "dns.server_failed", "DNS servers are chosen among the tunnel's options"),
    ],
)
def test_each_failure_has_its_code_and_says_what_to_do(page: Page, example: str, code: str, advice: str):
    page.get_by_role("button", name=example).click()
    page.get_by_test_id("dns-send").click()
    expect(page.get_by_test_id("dns-status")).to_have_text("failed")
    expect(page.get_by_test_id("dns-error").locator("code")).to_have_text(code)
    expect(page.get_by_test_id("dns-error")).to_contain_text(advice)


def test_a_silent_server_can_be_given_up(page: Page):
    ask(page, "silent.demo.test", "A")
    expect(page.get_by_test_id("dns-stop")).to_be_visible()
    page.get_by_test_id("dns-stop").click()
    expect(page.get_by_test_id("dns-status")).to_have_text("stopped")


@pytest.mark.parametrize(("choice", "transport"), [("TCP", "tcp"), ("TLS", "tls"), ("HTTPS", "https")])
def test_other_transports_are_chosen_with_the_tunnel(page: Page, choice: str, transport: str):
    page.get_by_test_id("disconnect").click()
    expect(page.get_by_test_id("tunnel-state")).to_have_text("not connected")
    page.locator("#tunnel-more").evaluate("box => { box.open = true; }")
    page.get_by_test_id("tunnel-dns").select_option(label=f"the demo's, by {choice}")
    page.get_by_test_id("connect").click()
    expect(page.get_by_test_id("tunnel-state")).to_have_text("ready", timeout=READY_MS)
    ask(page, "demo.test", "TXT")
    expect_records(page, 'TXT "v=spf1 -all"', 'TXT "these words came through five hops"')
    expect(page.get_by_test_id("dns-server")).to_have_text(re.compile(f", {transport}$"))
