"""Waits for something that another thread, another process or the browser does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from support.waiting import PATIENCE_S

if TYPE_CHECKING:
    from playwright.sync_api import Page

_PAUSE_MS = 50


def wait_until(condition: Callable[[], object], page: Page | None = None) -> None:
    """Return as soon as the condition holds.

    page -- whose events (its console, its requests) come in meanwhile; without one, no browser is listened to
    """
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        if page is None:
            time.sleep(_PAUSE_MS / 1000)
        else:
            page.wait_for_timeout(_PAUSE_MS)
