"""A connection to the entry gateway that breaks: the page says so and why, and what was begun goes on."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from playwright.sync_api import Browser, Route, expect
from support.tcp_relay import relaying

from .conftest import READY_MS, watch

if TYPE_CHECKING:
    from .conftest import Playground


def test_a_cut_connection_is_made_again(browser: Browser, playground: Playground):
    (entry,) = playground.network["entry_gateways"]
    gateway_port = int(entry["ws"].rpartition(":")[2])
    with relaying(gateway_port) as relay, watch(browser, playground) as watched:
        page = watched.page

        def lead_through_relay(route: Route) -> None:
            text = route.fetch().text()
            route.fulfill(body=text.replace(f'"ws_port":{gateway_port}', f'"ws_port":{relay.port}'))

        page.context.route(re.compile("/api/.*skimmed"), lead_through_relay)
        watched.connect()
        assert relay.accepted == 1
        watched.fetch(f"{playground.https}/delay/3000")
        expect(page.get_by_test_id("fetch-status")).to_have_text("waiting…")
        relay.cut()
        log = page.get_by_test_id("log")
        expect(log).to_contain_text(re.compile(r"tunnel connecting: .*gateway was lost.*\(tunnel\.gateway_lost\)"))
        expect(page.get_by_test_id("tunnel-state")).to_have_text("ready", timeout=READY_MS)
        assert relay.accepted == 2
        expect(page.get_by_test_id("fetch-body")).to_have_text(json.dumps({"late_ms": 3000}, separators=(",", ":")))
        expect(page.locator("#stat-reconnects")).to_have_text("1")
        expect(page.get_by_test_id("tunnel-note")).to_be_hidden()
        watched.disconnect()
        watched.origins.discard(f"ws://127.0.0.1:{relay.port}/")  # the way to the same gateway
