"""The playground for everyone: by keyboard, on a small screen, in the dark, read aloud, without a local network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, expect
from support.chromium import new_context
from support.static_site import serve_folder

from .conftest import READY_MS, ROOT, watch

if TYPE_CHECKING:
    from .conftest import Playground, Watched

PANELS = ("fetch", "dns", "socket", "download", "stress")

# The colours as they are seen, on a canvas of one pixel; the ratio is WCAG 2.2's.
CONTRAST = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const seen = (colours) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) {
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
    }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (rgb) => rgb.map((each) => each / 255)
    .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4))
    .reduce((sum, each, index) => sum + each * [0.2126, 0.7152, 0.0722][index], 0);
  const ratio = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const poor = [];
  for (const element of document.querySelectorAll("body *")) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== "");
    if (!hasText || !element.checkVisibility({ visibilityProperty: true, opacityProperty: true })
        || element.closest("button:disabled, fieldset:disabled, .visually-hidden, .skip, option")) {
      continue;
    }
    const backgrounds = [];
    for (let each = element; each; each = each.parentElement) {
      backgrounds.unshift(getComputedStyle(each).backgroundColor);
    }
    const style = getComputedStyle(element);
    const ink = element instanceof SVGElement ? style.fill : style.color;
    const found = ratio(seen([...backgrounds, ink]), seen(backgrounds));
    if (found < 4.5) {
      poor.push(`${found.toFixed(2)} ${element.tagName} ${element.className} ${element.textContent.slice(0, 40)}`);
    }
  }
  return poor;
}"""

# What a screen reader would stumble over: nameless controls and pictures, doubled ids, references to nothing.
STUMBLES = """() => {
  const stumbles = [];
  const say = (what, element) => stumbles.push(`${what}: ${element.outerHTML.slice(0, 100)}`);
  const text = (element) => (element?.textContent ?? "").trim();
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  stumbles.push(...ids.filter((id, index) => ids.indexOf(id) !== index).map((id) => `twice: #${id}`));
  for (const element of document.querySelectorAll("input, select, textarea, button, a[href], summary, progress")) {
    const labels = [...(element.labels ?? [])].map(text).join("");
    if (!(element.getAttribute("aria-label") || labels || text(element.matches("select") ? null : element))) {
      say("no name", element);
    }
  }
  for (const element of document.querySelectorAll("[role=img], [role=region], [role=log]")) {
    if (!element.getAttribute("aria-label") && !element.hidden) say("no name", element);
  }
  for (const name of ["aria-labelledby", "aria-controls", "aria-describedby"]) {
    for (const element of document.querySelectorAll(`[${name}]`)) {
      if (!document.getElementById(element.getAttribute(name))) say("leads nowhere", element);
    }
  }
  for (const element of document.querySelectorAll("[tabindex]")) {
    if (element.tabIndex > 0) say("out of order", element);
  }
  for (const table of document.querySelectorAll("table")) {
    const heads = [...table.querySelectorAll("th")];
    if (heads.some((head) => !head.scope)) say("a heading of what", table);
  }
  const levels = [...document.querySelectorAll("h1, h2, h3")].map((heading) => Number(heading.tagName[1]));
  if (levels[0] !== 1 || levels.filter((level) => level === 1).length !== 1) stumbles.push("one h1, first");
  return stumbles;
}"""


def use_everything(watched: Watched) -> None:
    """Leave an answer or a failure in every panel."""
    page = watched.page
    watched.connect()
    page.get_by_test_id("fetch-send").click()
    expect(page.get_by_test_id("fetch-comparison")).not_to_be_empty()
    watched.fetch(page.get_by_test_id("fetch-url").input_value() + "json?" + 600 * "x")  # nothing may grow as wide
    expect(page.get_by_test_id("fetch-body")).to_contain_text('"you"')
    page.goto(f"{page.url.partition('#')[0]}#download")
    page.get_by_role("button", name="100 kB").click()
    page.get_by_test_id("download-start").click()
    expect(page.get_by_test_id("download-hash")).to_contain_text("as the site says")
    page.goto(f"{page.url.partition('#')[0]}#dns")
    page.get_by_test_id("dns-send").click()
    expect(page.get_by_test_id("dns-status")).to_have_text("1 record")
    page.goto(f"{page.url.partition('#')[0]}#socket")
    page.get_by_test_id("socket-connect").click()
    expect(page.get_by_test_id("socket-status")).to_contain_text("open after")
    page.get_by_test_id("socket-send").click()
    page.get_by_test_id("burst-count").fill("5")
    page.get_by_test_id("burst-start").click()
    expect(page.get_by_test_id("burst-status")).to_contain_text("5 of 5 echoes")
    page.goto(f"{page.url.partition('#')[0]}#stress")
    page.get_by_test_id("stress-url").fill("https://nobody.invalid/")
    page.get_by_test_id("stress-count").fill("2")
    page.get_by_test_id("stress-start").click()
    expect(page.get_by_test_id("stress-status")).to_contain_text("0 of 2 succeeded")
    for details in page.locator("details").all():
        details.evaluate("each => { each.open = true; }")


def overflowing(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.mark.parametrize(("colours", "width"), [("light", 360), ("dark", 1200)])
def test_everything_can_be_seen_and_heard(browser: Browser, playground: Playground, colours: str, width: int):
    size = {"width": width, "height": 780}
    with watch(browser, playground, viewport=size, color_scheme=colours, reduced_motion="reduce") as watched:
        page = watched.page
        assert page.evaluate(STUMBLES) == []
        assert page.evaluate(CONTRAST) == []
        use_everything(watched)
        for panel in PANELS:
            page.goto(f"{playground.url}#{panel}")
            expect(page.locator(f"#{panel}")).to_be_visible()
            assert page.evaluate(CONTRAST) == [], panel
            assert overflowing(page) <= 0, panel
        assert page.evaluate(STUMBLES) == []
        assert page.evaluate("document.getAnimations().length") == 0, "motion was not wanted"
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == {"light": "rgb(244, 245, 242)", "dark": "rgb(20, 24, 26)"}[colours]


def focused(page: Page) -> str:
    """The id of what has the focus."""
    return page.evaluate("document.activeElement.id")


def test_the_keyboard_alone_is_enough(watched: Watched):
    page = watched.page
    watched.reload()  # as if nothing had been touched
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the panels")).to_be_focused()
    page.get_by_test_id("connect").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("tunnel-state")).to_have_text("ready", timeout=READY_MS)
    expect(page.get_by_test_id("disconnect")).to_be_focused()

    order = walk(page, "stress")  # no trap on the way
    assert order.index("disconnect") < order.index("tab-fetch") < order.index("fetch-url") < order.index("fetch-send")
    assert [name for name in order if name.startswith("tab-")] == ["tab-fetch"], "the tabs are one stop"

    page.locator("#tab-fetch").focus()
    page.keyboard.press("End")
    assert focused(page) == "tab-stress"
    expect(page.get_by_role("tabpanel", name="Stress")).to_be_visible()
    page.keyboard.press("ArrowRight")
    assert focused(page) == "tab-fetch"
    expect(page).to_have_url(re.compile("#fetch$"))
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "the focus is seen"
    page.get_by_test_id("fetch-url").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("fetch-status")).to_have_text("200 OK")

    page.get_by_test_id("disconnect").focus()
    page.keyboard.press("Space")
    expect(page.get_by_test_id("tunnel-state")).to_have_text("not connected")
    expect(page.get_by_test_id("connect")).to_be_focused()


def walk(page: Page, last: str) -> list[str]:
    """The ids that Tab visits from where it is to the end of the page."""
    order = [focused(page)]
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body || !document.hasFocus()"):
            break
        order.append(focused(page))
        if page.evaluate("document.activeElement.closest('footer') !== null"):
            break
    else:
        raise AssertionError(f"Tab does not come to the end: {order}")
    return order


def test_a_link_opens_its_panel_and_forms_are_remembered(browser: Browser, playground: Playground):
    with watch(browser, playground, "#stress") as watched:
        page = watched.page
        expect(page.get_by_role("tabpanel", name="Stress")).to_be_visible()
        expect(page.get_by_role("tabpanel", name="Fetch")).to_be_hidden()
        page.get_by_test_id("stress-count").fill("7")
        watched.reload()
        expect(page.get_by_test_id("stress-count")).to_have_value("7")
        expect(page.get_by_test_id("cover-traffic")).not_to_be_checked()


def test_options_that_cannot_be_are_refused_with_their_name(watched: Watched):
    page = watched.page
    page.get_by_text("More options").click()
    page.get_by_test_id("tunnel-dns").select_option("other")
    page.get_by_test_id("tunnel-dns-list").fill("not an address")
    page.get_by_test_id("connect").click()
    expect(page.get_by_test_id("tunnel-error").locator("code")).to_have_text("tunnel.invalid_option")
    expect(page.get_by_test_id("tunnel-error")).to_contain_text(re.compile("dns", re.IGNORECASE))
    expect(page.get_by_test_id("connect")).to_be_enabled()
    page.get_by_test_id("tunnel-dns").select_option(index=0)
    page.get_by_test_id("tunnel-exit").select_option(index=1)
    page.get_by_test_id("tunnel-gateway").select_option(index=1)
    watched.connect()
    expect(page.get_by_test_id("tunnel-error")).to_be_hidden()
    watched.fetch(page.get_by_test_id("fetch-url").input_value())
    expect(page.get_by_test_id("fetch-status")).to_have_text("200 OK")


@pytest.fixture
def static_url() -> Iterator[str]:
    """The page on a plain web server, which knows of no local network."""
    with serve_folder(ROOT / "web/dist") as url:
        yield url


def test_without_a_local_network_there_is_no_picture_of_it(browser: Browser, static_url: str):
    context = new_context(browser)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(static_url)
    expect(page.get_by_test_id("log")).to_contain_text("connecting goes to Nym's mainnet")
    expect(page.get_by_test_id("network")).to_be_hidden()
    expect(page.get_by_test_id("example-pages")).to_be_hidden()
    expect(page.get_by_test_id("connect")).to_be_enabled()
    assert errors == []
    context.close()
