"""A worker that cannot be started is said, and the next try works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Route, expect

from .conftest import READY_MS

if TYPE_CHECKING:
    from .conftest import Watched


def spoil(route: Route) -> None:
    """Change one byte on the way: the lock file's hash no longer holds."""
    answer = route.fetch()
    body = bytearray(answer.body())
    body[len(body) // 2] ^= 1
    route.fulfill(response=answer, body=bytes(body))


@pytest.mark.parametrize(
    ("pattern", "how"),
    [
        ("**/worker.js", lambda route: route.abort()),
        ("**/pyodide-lock.json", lambda route: route.fulfill(status=404)),
        ("**/ossl-*.whl", lambda route: route.fulfill(status=500)),
        ("**/h11-*.whl", spoil),
        ("**/snapshot.bin.gz", spoil),
    ],
    ids=["no worker", "no lock file", "no wheel", "a spoilt wheel", "a spoilt snapshot"],
)
def test_it_is_said_and_may_be_tried_again(watched: Watched, pattern: str, how):
    page = watched.page
    page.context.route(pattern, how)
    page.get_by_test_id("connect").click()
    expect(page.get_by_test_id("tunnel-state")).to_have_text("failed", timeout=READY_MS)
    expect(page.get_by_test_id("tunnel-error")).to_contain_text("worker.failed")
    expect(page.get_by_test_id("tunnel-error")).to_contain_text("could not be started")
    page.context.unroute(pattern)
    watched.connect()
    watched.complaints.clear()  # Pyodide leaves a promise behind that nobody handles
