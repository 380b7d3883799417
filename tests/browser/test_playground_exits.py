"""The playground as `make playground` starts it, with two exits: the one that is chosen is the one that is used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from .conftest import started_playground, watch

if TYPE_CHECKING:
    from .conftest import Playground

SOME = re.compile("^[1-9]")


@pytest.fixture(scope="module")
def playground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Playground]:
    # Without cover of the nodes' own, which goes through every exit.
    with started_playground(tmp_path_factory.mktemp("capture") / "exit.pcap", "--node-cover", "0") as started:
        yield started


def packets(page: Page, station: str) -> Locator:
    """The cell of the network's table that says how many packets a station has handled."""
    row = (
        page.get_by_test_id("network-table")
        .locator("tr")
        .filter(has=page.get_by_role("rowheader", name=station, exact=True, include_hidden=True))
    )
    return row.locator("td").first


def test_the_exit_that_is_chosen_is_used(browser: Browser, playground: Playground):
    with watch(browser, playground) as watched:
        page = watched.page
        for name in ("Exit gateway 1", "Exit gateway 2"):
            expect(page.get_by_test_id("network-picture").locator("text.name", has_text=name)).to_be_visible()
        identities = [exit_["ip_packet_router"] for exit_ in playground.network["exit_gateways"]]
        page.get_by_text("More options").click()
        options = page.get_by_test_id("tunnel-exit").locator("option")
        expect(options).to_have_text(
            ["any of the directory", *(f"exit {n + 1}, {text[:6]}…" for n, text in enumerate(identities))]
        )
        page.get_by_text("Packets of each station as a table").click()

        page.get_by_test_id("tunnel-exit").select_option(identities[1])
        watched.connect()
        watched.fetch(f"{playground.https}/")
        expect(page.get_by_test_id("fetch-status")).to_have_text("200 OK")
        # The counters are asked for now and then, so each is waited for; the site's is the last to rise.
        expect(packets(page, "Web site")).to_have_text(SOME)
        expect(packets(page, "Exit gateway 2")).to_have_text(SOME)
        expect(packets(page, "Exit gateway 1")).to_have_text("0")
        watched.disconnect()

        page.get_by_test_id("tunnel-exit").select_option(identities[0])
        watched.connect()
        expect(packets(page, "Exit gateway 1")).to_have_text(SOME)
        watched.disconnect()
