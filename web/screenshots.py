#!/usr/bin/env python3
"""Take the pictures of the playground that the documentation shows: starts it, connects, uses it, writes docs/*.png.

screenshots.py [--output docs] [--dist web/dist]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

WEB = Path(__file__).resolve().parent
CHROMIUM = "/usr/bin/chromium"
# Root needs the first; the others keep the browser from calling its maker.
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
READY_MS = 60_000
TRAFFIC_MS = 20_000
"""How long the charts are filled before the picture is taken."""


def fetch_something(page: Page) -> None:
    page.get_by_test_id("fetch-send").click()
    page.get_by_test_id("fetch-hash").wait_for(timeout=READY_MS)


def stress(page: Page) -> None:
    page.get_by_role("tab", name="Stress").click()
    page.get_by_test_id("stress-count").fill("40")
    page.get_by_test_id("stress-start").click()
    page.get_by_test_id("stress-histogram").wait_for(timeout=READY_MS)


@dataclass(frozen=True)
class Shot:
    """One picture: its file, how wide the page is, its colours, and what is done before."""

    name: str
    width: int
    colours: str
    prepare: Callable[[Page], None]
    height: int = 800
    full_page: bool = True


SHOTS = (
    Shot("playground.png", 1200, "light", fetch_something),
    Shot("playground-dark.png", 1200, "dark", stress),
    Shot("playground-phone.png", 390, "light", fetch_something, height=844, full_page=False),
)


def take(browser: Browser, url: str, shot: Shot, folder: Path) -> None:
    """Take one picture in a fresh page."""
    context = browser.new_context(
        viewport={"width": shot.width, "height": shot.height},
        color_scheme="dark" if shot.colours == "dark" else "light",
        device_scale_factor=2 if shot.width < 600 else 1,
    )
    page = context.new_page()
    page.goto(url)
    page.get_by_test_id("connect").click()
    page.locator("[data-tunnel=ready]").wait_for(timeout=READY_MS)
    page.wait_for_timeout(TRAFFIC_MS)
    shot.prepare(page)
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.screenshot(path=folder / shot.name, full_page=shot.full_page)
    context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Take the documentation's pictures of the playground.")
    parser.add_argument("--output", type=Path, default=WEB.parent / "docs", help="where to (docs)")
    parser.add_argument("--dist", type=Path, default=WEB / "dist", help="the assembled page (web/dist)")
    arguments = parser.parse_args()
    command = [sys.executable, str(WEB / "playground.py"), "--port", "0", "--json", "--dist", str(arguments.dist)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as playground:
        try:
            assert playground.stdout is not None
            url = json.loads(playground.stdout.readline())["url"]
            with sync_playwright() as driver:
                browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                for shot in SHOTS:
                    take(browser, url, shot, arguments.output)
                    print(arguments.output / shot.name)
                browser.close()
        finally:
            playground.terminate()


if __name__ == "__main__":
    main()
