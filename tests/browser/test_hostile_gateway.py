"""A gateway that breaks the protocol is named for it on the page, and the next set-up works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Route, expect
from support.hostile_gateway import answering_gateway, with_gateway_port
from support.ports import refusing_port

from .conftest import READY_MS

if TYPE_CHECKING:
    from .conftest import Watched


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("]]]", "gateway.malformed_frame"),
        ('{"type":"supportedProtocol","version":3}', "gateway.incompatible_version"),
        (None, "platform."),
    ],
    ids=["garbage", "an old version", "nobody there"],
)
def test_it_is_said_and_the_next_setup_works(watched: Watched, answer: str | None, code: str):
    page = watched.page
    with refusing_port() if answer is None else answering_gateway(answer) as port:

        def tamper(route: Route) -> None:
            reply = route.fetch()
            route.fulfill(response=reply, body=with_gateway_port(reply.body(), port))

        page.context.route("**/api/**", tamper)
        page.get_by_test_id("connect").click()
        expect(page.get_by_test_id("tunnel-error")).to_contain_text(code, timeout=READY_MS)
        expect(page.get_by_test_id("tunnel-state")).to_have_text("failed")
    page.context.unroute("**/api/**")
    watched.connect()
    watched.origins.discard(f"ws://127.0.0.1:{port}/")
