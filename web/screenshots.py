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
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect

WEB = Path(__file__).resolve().parent
sys.path.insert(0, str(WEB.parent / "tests"))
from support.chromium import chromium, new_context  # noqa: E402

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
    context = new_context(
        browser,
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
    """The same picture with at most 256 colours, as a PNG (RFC 2083); the rarest become their nearest neighbours."""
    width, height, rows = read_pixels(picture)
    counts = Counter(row[at : at + 3] for row in rows for at in range(0, 3 * width, 3))
    palette = [colour for colour, _ in counts.most_common(256)]
    index = {colour: nearest(colour, palette) if colour not in palette else palette.index(colour) for colour in counts}
    lines = b"".join(b"\0" + bytes(index[row[at : at + 3]] for at in range(0, 3 * width, 3)) for row in rows)
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0),
        b"PLTE": b"".join(palette),
        b"IDAT": zlib.compress(lines, 9),
        b"IEND": b"",
    }
    return picture[:8] + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks.items()
    )


def nearest(colour: bytes, palette: Sequence[bytes]) -> int:
    return min(range(len(palette)), key=lambda at: sum((a - b) ** 2 for a, b in zip(colour, palette[at], strict=True)))


def read_pixels(picture: bytes) -> tuple[int, int, list[bytes]]:
    """Width, height and the rows of a browser's PNG: eight bits of red, green and blue, not interlaced."""
    chunks, at = [], 8
    while at < len(picture):
        (length,) = struct.unpack_from(">I", picture, at)
        chunks.append((picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]))
        at += 12 + length
    width, height, *kind = struct.unpack(">IIBBBBB", dict(chunks)[b"IHDR"])
    assert kind == [8, 2, 0, 0, 0], f"an unexpected kind of PNG: {kind}"
    data = zlib.decompress(b"".join(data for name, data in chunks if name == b"IDAT"))
    rows, above, step = [], bytes(3 * width), 3 * width + 1
    for start in range(0, len(data), step):
        above = unfilter(data[start], data[start + 1 : start + step], above)
        rows.append(above)
    return width, height, rows


def unfilter(kind: int, row: bytes, above: bytes) -> bytes:
    """Undo a row's filter (RFC 2083, section 6)."""
    if kind == 0:
        return row
    if kind == 2:
        return bytes((one + other) & 0xFF for one, other in zip(row, above, strict=True))
    done = bytearray(3)  # to the left of the row is black
    corner = bytes(3) + above
    for at, value in enumerate(row):
        left, up = done[at], above[at]
        if kind == 1:
            guess = left
        elif kind == 3:
            guess = (left + up) // 2
        else:
            guess = paeth(left, up, corner[at])
        done.append((value + guess) & 0xFF)
    return bytes(done[3:])


def paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]


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
        assert len(picture) <= MAX_BYTES, f"{name}.png has {len(picture)} bytes, which is more than {MAX_BYTES}"
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
            with chromium() as browser:
                take_all(browser, url, saver(arguments.output))
        finally:
            playground.terminate()


if __name__ == "__main__":
    main()
