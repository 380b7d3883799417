"""Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

EXECUTABLE = "/usr/bin/chromium"
START_MS = 120_000
SAMPLING_BYTES = 5000
# Root needs the first; the others keep the browser from calling its maker.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)

# Playwright runs once in a process; browsers inside one another share it.
_drivers: list[Playwright] = []


@contextlib.contextmanager
def _playwright() -> Iterator[Playwright]:
    if _drivers:
        yield _drivers[-1]
        return
    with sync_playwright() as driver:
        _drivers.append(driver)
        try:
            yield driver
        finally:
            _drivers.pop()


@contextlib.contextmanager
def chromium(more_flags: Sequence[str] = ()) -> Iterator[Browser]:
    """A headless browser."""
    with _playwright() as playwright:
        flags = [*FLAGS, *more_flags]
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=flags, timeout=START_MS)
        try:
            yield browser
        finally:
            browser.close()


def new_context(browser: Browser, **options: Any) -> BrowserContext:
    """A context that ends when a page of it crashes, for whoever waits for such a page would wait for ever."""
    context = browser.new_context(**options)

    def watch(page: Page) -> None:
        page.on("crash", lambda: end(page))

    def end(page: Page) -> None:
        print(f"the browser's process of {page.url} has crashed", file=sys.stderr)
        context.close()

    context.on("page", watch)
    return context


def sample_allocations(page: Page) -> None:
    """Sample what the page and its workers allocate from now on, as Chromium does in a few of its users' tabs."""
    page.context.new_cdp_session(page).send("Memory.startSampling", {"samplingInterval": SAMPLING_BYTES})
