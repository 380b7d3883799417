#!/usr/bin/env python3
"""Take the pictures of the playground that the documentation shows: starts it, uses it, writes docs/pictures/*.png.

screenshots.py [--output docs/pictures] [--dist web/dist]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

WEB = Path(__file__).resolve().parent
CHROMIUM = "/usr/bin/chromium"
# Root needs the first; the others keep the browser from calling its maker.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
TRAFFIC_MS = 20_000
"""How long the charts are filled before a picture of them is taken."""
MAX_BYTES = 300_000
expect.set_options(timeout=120_000)
Save = Callable[..., None]


# --- what is done on the page -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def connected(browser: Browser, url: str, size: dict[str, int], colours: str, scale: int = 1) -> Iterator[Page]:
    """The playground in a fresh window, with a tunnel that is ready and some traffic in its charts."""
    context = browser.new_context(
        viewport={"width": size["width"], "height": size["height"]},
        color_scheme="dark" if colours == "dark" else "light",
        device_scale_factor=scale,
    )
    page = context.new_page()
    page.goto(url)
    page.get_by_test_id("connect").click()
    expect(page.get_by_test_id("tunnel-state")).to_have_text("ready")
    page.wait_for_timeout(TRAFFIC_MS)
    yield page
    context.close()


def open_panel(page: Page, name: str) -> Locator:
    page.get_by_role("tab", name=name, exact=True).click()
    return page.locator("#try")


def fetch(page: Page) -> None:
    open_panel(page, "Fetch")
    page.get_by_test_id("fetch-send").click()
    expect(page.get_by_test_id("fetch-comparison")).not_to_be_empty()
    page.wait_for_timeout(1500)  # the picture of the network is a second behind


def ask_names(page: Page) -> Locator:
    panel = open_panel(page, "DNS")
    page.get_by_role("button", name="mail", exact=True).click()
    page.get_by_test_id("dns-send").click()
    expect(page.get_by_test_id("dns-status")).to_have_text("2 records")
    return panel


def talk(page: Page) -> Locator:
    panel = open_panel(page, "WebSocket")
    page.get_by_test_id("socket-connect").click()
    expect(page.get_by_test_id("socket-send")).to_be_enabled()
    for count, text in enumerate(("hello through five hops", "grüße"), 1):
        page.get_by_test_id("socket-text").fill(text)
        page.get_by_test_id("socket-send").click()
        expect(page.get_by_test_id("socket-lines").locator("li.in")).to_have_count(count)
    page.get_by_test_id("burst-start").click()
    expect(page.get_by_test_id("burst-histogram")).to_be_visible()
    return panel


def download(page: Page) -> Locator:
    """Half of it."""
    panel = open_panel(page, "Download")
    page.get_by_role("button", name="1 MB", exact=True).click()
    page.get_by_test_id("download-start").click()
    expect(page.get_by_test_id("download-received")).to_have_text(re.compile("^[5-8].. kB of 1.00 MB$"))
    return panel


def stress(page: Page) -> Locator:
    panel = open_panel(page, "Stress")
    page.get_by_test_id("stress-count").fill("60")
    page.get_by_test_id("stress-start").click()
    expect(page.get_by_test_id("stress-histogram")).to_be_visible()
    page.wait_for_timeout(1500)
    return panel


def take_all(browser: Browser, url: str, save: Save) -> None:
    with connected(browser, url, DESKTOP, "light") as page:
        save("panel-dns", ask_names(page))
        save("panel-websocket", talk(page))
        save("panel-download", download(page))
        fetch(page)
        save("playground", page)
    with connected(browser, url, DESKTOP, "dark") as page:
        fetch(page)
        stress(page)
        save("playground-dark", page)
    with connected(browser, url, PHONE, "light", scale=2) as page:
        fetch(page)
        save("phone", page, window_at="body")
        save("phone-panel", page, window_at="#try")


# --- files ------------------------------------------------------------------------------------------------------------


def shrink(picture: bytes) -> bytes:
    """The same picture, compressed harder than browsers do (PNG, RFC 2083: chunks, of which IDAT is a zlib stream)."""
    chunks, at = [], 8
    while at < len(picture):
        (length,) = struct.unpack_from(">I", picture, at)
        chunks.append((picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]))
        at += 12 + length
    pixels = zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT"))
    others = {kind: data for kind, data in chunks if kind in (b"IHDR", b"IEND")}
    made = [(b"IHDR", others[b"IHDR"]), (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", others[b"IEND"])]
    return picture[:8] + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in made
    )


def saver(folder: Path) -> Save:
    folder.mkdir(parents=True, exist_ok=True)

    def save(name: str, what: Page | Locator, *, window_at: str | None = None) -> None:
        """A whole page, an element, or what a window shows whose top is at an element."""
        page = what if isinstance(what, Page) else what.page
        page.evaluate(
            "top => { document.activeElement.blur(); document.querySelector(top).scrollIntoView(); }",
            window_at or "body",
        )
        taken = what.screenshot(full_page=window_at is None) if isinstance(what, Page) else what.screenshot()
        picture = shrink(taken)
        if len(picture) > MAX_BYTES:
            sys.exit(f"screenshots: {name}.png has {len(picture)} bytes, which is more than {MAX_BYTES}")
        path = folder / f"{name}.png"
        path.write_bytes(picture)
        print(f"{path}: {len(picture) // 1000} kB", flush=True)

    return save


def main() -> None:
    parser = argparse.ArgumentParser(description="Take the documentation's pictures of the playground.")
    parser.add_argument("--output", type=Path, default=WEB.parent / "docs/pictures", help="where to (docs/pictures)")
    parser.add_argument("--dist", type=Path, default=WEB / "dist", help="the assembled page (web/dist)")
    arguments = parser.parse_args()
    command = [sys.executable, str(WEB / "playground.py"), "--port", "0", "--json", "--dist", str(arguments.dist)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as playground:
        try:
            assert playground.stdout is not None
            url = json.loads(playground.stdout.readline())["url"]
            with sync_playwright() as driver:
                browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                take_all(browser, url, saver(arguments.output))
                browser.close()
        finally:
            playground.terminate()


if __name__ == "__main__":
    main()
