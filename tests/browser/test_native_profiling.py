"""Chromium samples the native allocations of some of its users' tabs; a tunnel has to survive that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from .conftest import Playground, Watched

SAMPLING_BYTES = 5000


def test_a_tunnel_works_while_allocations_are_sampled(watched: Watched, playground: Playground):
    session = watched.page.context.new_cdp_session(watched.page)
    session.send("Memory.startSampling", {"samplingInterval": SAMPLING_BYTES})
    watched.connect()
    watched.fetch(f"{playground.https}/")
    expect(watched.page.get_by_test_id("fetch-status")).to_contain_text("200")
    session.send("Memory.stopSampling")
