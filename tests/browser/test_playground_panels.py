"""Every panel of the playground at work, on one page whose tunnel is ready."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, expect

from .conftest import read_json, watch

if TYPE_CHECKING:
    from .conftest import Playground, Watched

NUMBER = re.compile(r"[1-9]")
STATIONS = ("This page", "Entry gateway", "Mix node 1", "Mix node 2", "Mix node 3", "Exit gateway", "Web site")


@pytest.fixture(scope="module")
def connected(browser: Browser, playground: Playground) -> Iterator[Watched]:
    with watch(browser, playground, permissions=["clipboard-read", "clipboard-write"]) as result:
        result.connect()
        yield result


@pytest.fixture
def page(connected: Watched) -> Page:
    return connected.page


def open_panel(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()
    expect(page.get_by_role("tabpanel", name=name)).to_be_visible()


class TestTunnel:
    def test_charts_show_what_moves_and_say_it_in_words(self, page: Page):
        for test_id, title in (("chart-out", "Packets out"), ("chart-in", "Packets in")):
            chart = page.get_by_test_id(test_id).get_by_role("img")
            expect(chart).to_have_attribute("aria-label", re.compile(rf"{title}: now \d+/s \w+, \d+/s"))
        page.get_by_text("The last seconds as a table").click()
        expect(page.get_by_test_id("traffic-table").locator("tr").first).to_have_text(re.compile(r"^\d\d:\d\d:\d\d\d+"))

    def test_steps_are_kept_with_their_times(self, page: Page):
        page.locator("summary", has_text="Ready after").click()
        steps = page.get_by_test_id("steps").locator("li")
        expect(steps.first).to_contain_text("started Python in a worker")
        expect(steps.last).to_contain_text("in all")
        assert steps.locator("time").count() == steps.count()

    def test_links_are_switched_while_the_tunnel_is_up(self, page: Page, playground: Playground):
        links, words = page.get_by_test_id("links"), page.get_by_test_id("links-words")
        expect(words).to_have_text("Everything is on one machine, so everything is near.")
        for kind, says in (("mobile", "60 to 120 ms to the gateway"), ("none", "Everything is on one machine")):
            links.select_option(kind)
            expect(words).to_contain_text(says)
            expect(page.get_by_test_id("log")).to_contain_text(f"links: {kind}")
            assert read_json(f"{playground.url}network.json")["link"] == kind

    def test_the_network_is_drawn_with_what_each_node_does(self, page: Page):
        stations = page.get_by_test_id("network-table").locator("tr")
        expect(stations).to_have_count(7)
        for name in (
            "This page",
            "Entry gateway",
            "Mix node 1",
            "Mix node 2",
            "Mix node 3",
            "Exit gateway",
            "Web site",
        ):
            expect(stations.filter(has=page.get_by_role("rowheader", name=name, include_hidden=True))).to_have_count(1)
            expect(page.get_by_test_id("network-picture").locator("text.name", has_text=name)).to_be_visible()
        expect(stations.nth(1).locator("td").first).to_have_text(NUMBER)
        expect(page.get_by_test_id("network-picture").get_by_role("img")).to_have_attribute(
            "aria-label", re.compile("Entry gateway .knows you, not the site")
        )


class TestFetch:
    def test_the_same_request_both_ways(self, connected: Watched, page: Page, playground: Playground):
        open_panel(page, "Fetch")
        connected.fetch(f"{playground.https}/bytes/5000")
        expect(page.get_by_test_id("fetch-comparison")).to_contain_text("Both bodies are the same 5,000 bytes")
        for side in ("fetch", "direct"):
            expect(page.get_by_test_id(f"{side}-status")).to_have_text("200 OK")
            expect(page.get_by_test_id(f"{side}-time")).to_contain_text("complete after")
        connected.fetch(f"{playground.https}/json")
        expect(page.get_by_test_id("fetch-comparison")).to_contain_text("The bodies differ")
        expect(page.get_by_test_id("fetch-body")).to_contain_text('"you":"127.0.0.2"')
        expect(page.get_by_test_id("direct-body")).to_contain_text('"you":"127.0.0.1"')

    def test_headers_are_sent(self, connected: Watched, page: Page, playground: Playground):
        page.get_by_role("tabpanel", name="Fetch").get_by_text("Headers", exact=True).click()
        page.get_by_test_id("fetch-request-headers").fill("X-Own: one\nAccept: text/x-own")
        connected.fetch(f"{playground.https}/json")
        expect(page.get_by_test_id("fetch-body")).to_contain_text('["x-own","one"]')
        expect(page.get_by_test_id("fetch-body")).to_contain_text("text/x-own")
        page.get_by_test_id("fetch-request-headers").fill("")

    def test_nothing_is_asked_directly_of_other_sites(self, connected: Watched, page: Page):
        connected.fetch("https://elsewhere.invalid/")
        expect(page.get_by_test_id("direct-status")).to_have_text("not asked")
        expect(page.get_by_test_id("direct-note")).to_contain_text("would tell the site who you are")
        expect(page.get_by_test_id("fetch-error").locator("code")).to_have_text("dns.name_not_found")
        expect(page.get_by_test_id("fetch-error")).to_contain_text("check its spelling")

    def test_an_example_fills_the_form_in(self, page: Page, playground: Playground):
        page.get_by_role("button", name="post something").click()
        expect(page.get_by_test_id("fetch-method")).to_have_value("POST")
        expect(page.get_by_test_id("fetch-request-body")).to_have_value("hello through five hops")
        page.get_by_test_id("fetch-request-body").press("Control+Enter")
        expect(page.get_by_test_id("fetch-body")).to_contain_text('"body":"hello through five hops"')
        expect(page.get_by_test_id("fetch-comparison")).to_contain_text("Both bodies are the same")
        page.get_by_role("button", name="two redirects").click()
        page.get_by_test_id("fetch-send").click()
        expect(page.get_by_test_id("fetch-note")).to_have_text(f"Redirected to {playground.https}/")
        page.get_by_role("button", name="404").click()
        page.get_by_test_id("fetch-send").click()
        expect(page.get_by_test_id("fetch-status")).to_have_text("404 Not Found")
        expect(page.get_by_test_id("fetch-error")).to_be_hidden()

    def test_without_the_direct_side(self, connected: Watched, page: Page, playground: Playground):
        page.get_by_test_id("fetch-direct").uncheck()
        connected.fetch(f"{playground.https}/")
        expect(page.get_by_test_id("fetch-status")).to_have_text("200 OK")
        expect(page.locator("#direct-answer")).to_be_hidden()
        page.get_by_test_id("fetch-direct").check()


class TestDownload:
    def test_it_is_whole_and_checked(self, page: Page):
        open_panel(page, "Download")
        page.get_by_role("button", name="100 kB").click()
        page.get_by_test_id("download-start").click()
        digest = hashlib.sha256(hashlib.shake_256(b"demo").digest(100_000)).hexdigest()
        expect(page.get_by_test_id("download-hash")).to_have_text(f"SHA-256 {digest}, as the site says")
        expect(page.get_by_test_id("download-status")).to_contain_text("complete: 100,000 bytes in")
        expect(page.get_by_test_id("download-progress")).to_have_attribute("max", "100000")
        chart = page.get_by_test_id("download-chart").get_by_role("img")
        expect(chart).to_have_attribute("aria-label", re.compile(r"Speed: now .*B/s"))

    def test_it_can_be_cancelled_and_the_exit_forgets_it(self, page: Page, playground: Playground):
        open_panel(page, "Download")
        page.get_by_role("button", name="20 MB").click()
        page.get_by_test_id("download-start").click()
        expect(page.get_by_test_id("download-received")).to_have_text(re.compile(r"^[1-9][\d.]* [kM]B of 20\.0 MB$"))
        page.get_by_test_id("download-stop").click()
        expect(page.get_by_test_id("download-status")).to_have_text("stopped")
        expect(page.get_by_test_id("download-error")).to_contain_text("had arrived")
        expect(page.get_by_test_id("download-start")).to_be_focused()

    def test_a_wrong_hash_is_said(self, page: Page, playground: Playground):
        open_panel(page, "Download")
        page.get_by_test_id("download-url").fill(f"{playground.https}/json")
        page.get_by_test_id("download-start").click()
        expect(page.get_by_test_id("download-hash")).to_contain_text("the site names none to compare with")


class TestStress:
    def test_many_requests(self, page: Page):
        open_panel(page, "Stress")
        page.get_by_test_id("stress-count").fill("12")
        page.get_by_test_id("stress-concurrency").fill("4")
        page.get_by_test_id("stress-start").click()
        expect(page.get_by_test_id("stress-status")).to_contain_text("12 of 12 succeeded in")
        expect(page.get_by_test_id("stress-failed")).to_have_text("0")
        histogram = page.get_by_test_id("stress-histogram")
        expect(histogram.get_by_role("img")).to_have_attribute(
            "aria-label",
            re.compile(r"^Time to the whole answer: Half within .*, 90 % within .*, 99 % within .*, All within "),
        )
        histogram.get_by_text("As a table").click()
        counts = histogram.locator("tbody td").all_inner_texts()
        assert sum(int(count) for count in counts) == 12

    def test_failures_are_counted_by_code(self, page: Page, playground: Playground):
        open_panel(page, "Stress")
        page.get_by_test_id("stress-url").fill(f"{playground.https}/cut")
        page.get_by_test_id("stress-count").fill("3")
        page.get_by_test_id("stress-start").click()
        expect(page.get_by_test_id("stress-status")).to_contain_text("0 of 3 succeeded")
        expect(page.get_by_test_id("stress-failures").locator("tr")).to_have_text(["http.body_cut3"])
        page.get_by_test_id("stress-url").fill(f"{playground.https}/status/503")
        page.get_by_test_id("stress-start").click()
        expect(page.get_by_test_id("stress-failures").locator("tr")).to_have_text(["http status 5033"])

    def test_escape_stops_it(self, page: Page, playground: Playground):
        open_panel(page, "Stress")
        page.get_by_test_id("stress-url").fill(f"{playground.https}/delay/30000")
        page.get_by_test_id("stress-count").fill("10")
        page.get_by_test_id("stress-start").click()
        expect(page.get_by_test_id("stress-stop")).to_be_visible()
        page.get_by_test_id("stress-url").press("Escape")
        expect(page.get_by_test_id("stress-status")).to_contain_text("stopped: 0 of 10 succeeded")


class TestLog:
    def test_it_is_copied_filtered_and_cleared(self, connected: Watched, page: Page):
        open_panel(page, "Fetch")
        connected.fetch("https://elsewhere.invalid/")  # one problem at least
        expect(page.get_by_test_id("fetch-status")).to_have_text("failed")
        lines = page.get_by_test_id("log").locator("li")
        expect(lines.first).to_contain_text("the local mixnet is up")
        page.get_by_test_id("log-filter").fill("tunnel ready")
        expect(lines.locator("visible=true")).to_have_count(1)
        page.get_by_test_id("log-copy").click()
        expect(page.get_by_test_id("log-status")).to_have_text("1 line copied")
        assert re.fullmatch(r"\d\d:\d\d:\d\d tunnel ready after .*s", page.evaluate("navigator.clipboard.readText()"))
        page.get_by_test_id("log-filter").fill("")
        page.get_by_test_id("log-problems").check()
        assert {"bad"} == {line.get_attribute("class") for line in lines.locator("visible=true").all()}
        page.get_by_test_id("log-problems").uncheck()
        page.get_by_test_id("log-clear").click()
        expect(lines).to_have_count(0)
