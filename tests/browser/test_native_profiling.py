"""Chromium samples the native allocations of some of its users' tabs; a tunnel has to survive that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect
from support.chromium import sample_allocations

if TYPE_CHECKING:
    from .conftest import Playground, Watched


def test_a_tunnel_works_while_allocations_are_sampled(watched: Watched, playground: Playground):
    sample_allocations(watched.page)
    watched.connect()
    watched.fetch(f"{playground.https}/")
    expect(watched.page.get_by_test_id("fetch-status")).to_contain_text("200")
