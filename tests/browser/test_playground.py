"""The main job: a person opens the page, connects, and fetches an https site through five hops."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from .waiting import wait_until

if TYPE_CHECKING:
    from .conftest import Playground, Watched

POSTED = "a letter that nobody on the way may read, sent through five hops"


def demo_pattern(size: int) -> bytes:
    """What the demo site serves under /bytes/N."""
    return hashlib.shake_256(b"demo").digest(size)


def test_the_whole_way(watched: Watched, playground: Playground):
    page = watched.page
    status, body = page.get_by_test_id("fetch-status"), page.get_by_test_id("fetch-body")
    expect(page.get_by_test_id("tunnel-state")).to_have_text("not connected")
    expect(page.get_by_test_id("fetch-send")).to_be_disabled()
    expect(page.get_by_test_id("fetch-url")).to_have_value(f"{playground.https}/")

    watched.connect()
    expect(page.get_by_test_id("steps").locator("li")).not_to_have_count(0)

    page.get_by_test_id("fetch-send").click()  # the URL that is filled in
    expect(status).to_have_text("200 OK")
    expect(body).to_contain_text("It works")
    expect(body).to_contain_text("127.0.0.2")
    expect(page.get_by_test_id("fetch-headers")).to_contain_text("content-type")
    expect(page.get_by_test_id("fetch-time")).to_contain_text("complete after")

    watched.fetch(f"{playground.https}/bytes/300000")
    expect(page.get_by_test_id("fetch-size")).to_have_text("300,000 bytes")
    expect(page.get_by_test_id("fetch-hash")).to_have_text(hashlib.sha256(demo_pattern(300_000)).hexdigest())

    watched.fetch(f"{playground.https}/echo", method="POST", body=POSTED)
    expect(body).to_contain_text(hashlib.sha256(POSTED.encode()).hexdigest())
    echoed = json.loads(body.inner_text())
    assert (echoed["method"], echoed["body"]) == ("POST", POSTED)

    watched.fetch(f"{playground.https}/bytes/50000000")
    expect(page.get_by_test_id("fetch-size")).to_have_text(re.compile(r"^[\d,]{6,} bytes$"))
    assert playground.exit_tcp_flows() > 0
    page.get_by_test_id("fetch-stop").click()
    expect(status).to_have_text("stopped")
    expect(page.get_by_test_id("fetch-error")).to_contain_text("AbortError")
    wait_until(lambda: playground.exit_tcp_flows() == 0)  # the reset takes its way through the mixnet

    watched.disconnect()
    expect(page.get_by_test_id("fetch-send")).to_be_disabled()
    watched.connect()
    watched.fetch(f"{playground.https}/json")
    expect(body).to_contain_text('"you":"127.0.0.2"')
    watched.disconnect()

    assert set(playground.visitors()) == {"127.0.0.2"}
    check_capture(playground)


def check_capture(playground: Playground) -> None:
    """What the exit saw of the bodies: their encrypted size, and none of their bytes."""
    captured = playground.capture.read_bytes()
    assert len(captured) > 300_000
    pattern = demo_pattern(300_000)
    for start in range(0, len(pattern) - 32, 997):
        assert pattern[start : start + 32] not in captured
    for text in (POSTED.encode()[:20], POSTED.encode()[-20:], b"It works", b"GET /bytes", b"HTTP/1.1 200"):
        assert text not in captured


def test_a_failed_fetch_says_why_and_the_tunnel_stays(watched: Watched, playground: Playground):
    page = watched.page
    watched.connect()
    watched.fetch("https://nobody.invalid/")
    expect(page.get_by_test_id("fetch-status")).to_have_text("failed")
    expect(page.get_by_test_id("fetch-error").locator("code")).to_have_text(re.compile(r"^dns\."))
    expect(page.get_by_test_id("tunnel-state")).to_have_text("ready")
    watched.fetch(f"{playground.https}/cut")
    expect(page.get_by_test_id("fetch-error").locator("code")).to_have_text(re.compile(r"^http\."))
    expect(page.get_by_test_id("fetch-error")).to_contain_text("500 bytes had arrived")
    watched.fetch(f"{playground.https}/")
    expect(page.get_by_test_id("fetch-status")).to_have_text("200 OK")


def test_cover_traffic_flows_when_it_is_on(watched: Watched, playground: Playground):
    page = watched.page
    page.get_by_test_id("cover-traffic").check()
    page.get_by_test_id("poisson-traffic").check()
    watched.connect()
    watched.fetch(f"{playground.https}/")
    expect(page.get_by_test_id("fetch-status")).to_have_text("200 OK")
    expect(page.get_by_test_id("stats").locator("#stat-cover")).not_to_have_text("0")
    watched.disconnect()
