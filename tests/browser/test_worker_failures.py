"""A worker that cannot be started is said, and the next try works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Route, expect

from .conftest import READY_MS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Watched


def spoil(route: Route) -> None:
    """Change one byte on the way: the file's hash no longer holds."""
    answer = route.fetch()
    body = bytearray(answer.body())
    body[len(body) // 2] ^= 1
    route.fulfill(response=answer, body=bytes(body))


def swap(route: Route) -> None:
    """Send another file; one of base.bin's size takes the browser's driver a minute to change."""
    route.continue_(url=route.request.url.replace("base.bin", "own.bin"))


def refuse(status: int) -> Callable[[Route], None]:
    return lambda route: route.fulfill(status=status)


@pytest.mark.parametrize(
    ("file", "how"),
    [
        ("worker.js", lambda route: route.abort()),
        ("pyodide-lock.json", refuse(404)),
        ("pyodide.asm.wasm", refuse(404)),
        ("python_stdlib.zip", refuse(404)),
        ("base.bin", refuse(404)),
        ("own.bin", refuse(404)),
        ("site-packages.json", refuse(404)),
        ("site-packages.bin", refuse(500)),
        ("ossl._ossl.wasm", refuse(404)),
        ("base.bin", swap),
        ("own.bin", spoil),
        ("site-packages.bin", spoil),
        ("ossl._ossl.wasm", spoil),
    ],
)
def test_it_is_said_and_may_be_tried_again(watched: Watched, file: str, how: Callable[[Route], None]):
    page = watched.page
    pattern = f"**/{file}"
    page.context.route(pattern, how)
    page.get_by_test_id("connect").click()
    expect(page.get_by_test_id("tunnel-state")).to_have_text("failed", timeout=READY_MS)
    expect(page.get_by_test_id("tunnel-error")).to_contain_text("worker.failed")
    expect(page.get_by_test_id("tunnel-error")).to_contain_text("could not be started")
    expect(page.get_by_test_id("tunnel-error")).to_contain_text(f"{file} cannot be fetched")
    page.context.unroute(pattern)
    watched.connect()
    watched.complaints.clear()  # Pyodide leaves a promise behind that nobody handles
