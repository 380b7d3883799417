"""What the tunnels of several tabs cost the browser: one that they share beside one for each."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page
from support.chromium import chromium, new_context

from bench.playground import Playground
from bench.side_by_side.renderer import PROC, private_kib

TABS = (1, 2, 10)
SETTLE_S = 10.0
PATIENCE_MS = 300_000
# Each tab fetches something, so that what is loaded late is there.
_SET_UP = """
async ({ options, url }) => {
  const { setupMixTunnel, mixFetch } = await import("/mix-fetch/index.js");
  await setupMixTunnel({ ...options, directoryUrl: location.origin + "/api" });
  await (await mixFetch(url)).arrayBuffer();
}
"""


def measure(playground: Playground) -> dict[str, Any]:
    """Private megabytes of all renderers, more than the same tabs take without a tunnel, by the number of tabs."""
    figures: dict[str, Any] = {}
    for count in TABS:
        for kind in ("own", "shared"):
            with chromium() as browser:
                figures.setdefault(f"{count} tabs", {})[kind] = _measure(browser, playground, count, kind == "shared")
    return figures


def _measure(browser: Browser, playground: Playground, count: int, is_shared: bool) -> int:
    context = new_context(browser)
    context.set_default_timeout(PATIENCE_MS)
    pages = [_open(context.new_page(), playground.url) for _ in range(count)]
    before_mb = _memory_mb(browser)
    options = {
        "caCertificates": list(playground.ca_certificates),
        "disableCoverTraffic": True,
        "disablePoissonTraffic": True,
        "shared": is_shared,
    }
    for page in pages:
        page.evaluate(_SET_UP, {"options": options, "url": f"{playground.https}/json"})
    time.sleep(SETTLE_S)  # for the collection of garbage
    return round(_memory_mb(browser) - before_mb)


def _open(page: Page, url: str) -> Page:
    page.goto(url)
    return page


def _renderers(browser: Browser) -> list[Path]:
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    return [PROC / str(process["id"]) for process in processes if process["type"] == "renderer"]


def _memory_mb(browser: Browser) -> float:
    return sum(private_kib((folder / "status").read_text()) for folder in _renderers(browser)) * 1024 / 1e6
