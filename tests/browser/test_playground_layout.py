"""The playground in windows of every width: no words lie on others, and what can be tried comes first on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, expect
from support.chromium import new_context

from .conftest import PATIENCE_MS, ROOT, started_playground, watch
from .test_playground_access import PANELS, overflowing, use_everything

if TYPE_CHECKING:
    from .conftest import Playground

# At 200 % zoom a window has half as many CSS pixels: these are 640 to 1440 of them as well.
WIDTHS = (320, 360, 412, 480, 560, 600, 640, 720, 800, 960, 1024, 1180, 1280, 1440)

# Pairs of words of the picture that lie on one another, words on a station, and words beyond the window.
OVERLAPS = """() => {
  const svg = document.querySelector("#network-picture svg");
  const shown = [...svg.querySelectorAll("text")].filter((each) => each.textContent !== "");
  const boxes = shown.map((each) => [each.textContent, each.getBoundingClientRect()]);
  const dots = [...svg.querySelectorAll("circle")].map((each) => ["a station", each.getBoundingClientRect()]);
  const meet = (one, other) => one.left < other.right - 0.5 && other.left < one.right - 0.5
    && one.top < other.bottom - 0.5 && other.top < one.bottom - 0.5;
  const found = [];
  for (const [index, [words, box]] of boxes.entries()) {
    for (const [others, other] of [...boxes.slice(index + 1), ...dots]) {
      if (meet(box, other)) found.push(`${words} / ${others}`);
    }
    if (box.left < 0 || box.right > document.documentElement.clientWidth) found.push(`${words} / the edge`);
  }
  return found;
}"""

# What a long day brings: figures as wide as they get.
LARGE_FIGURES = """() => {
  for (const each of document.querySelectorAll("#network-picture .rate")) {
    each.textContent = each.textContent.includes("·") ? "1,234/s · 12,345,678" : "1,234/s";
  }
  for (const each of document.querySelectorAll("#network-picture .total")) each.textContent = "1,234,567";
}"""


@pytest.fixture(scope="module")
def wide_network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Playground]:
    """As many gateways as there may be."""
    capture = tmp_path_factory.mktemp("capture") / "exits.pcap"
    with started_playground(capture, "--entries", "4", "--exits", "4") as started:
        yield started


def overlaps_at_all_widths(page: Page) -> dict[int, list[str]]:
    found = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        expect(page.locator("#network-picture svg")).to_have_attribute(
            "width", str(round(page.locator("#network-picture").evaluate("each => each.clientWidth")))
        )
        page.evaluate(LARGE_FIGURES)
        if overlaps := page.evaluate(OVERLAPS):
            found[width] = overlaps
        assert overflowing(page) <= 0, width
    return found


def test_no_words_of_the_picture_lie_on_others(browser: Browser, playground: Playground, wide_network: Playground):
    for network in (playground, wide_network):
        context = new_context(browser)
        page = context.new_page()
        page.goto(network.url)
        expect(page.get_by_test_id("connect")).to_be_enabled()
        page.route("**/network.json", lambda route: route.fulfill(status=404))  # figures stay as they are put
        assert overlaps_at_all_widths(page) == {}
        context.close()


def test_on_a_phone_what_can_be_tried_comes_first(browser: Browser, playground: Playground):
    with watch(browser, playground, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True) as watched:
        page = watched.page
        page.reload()
        watched.wait_for_program()

        def top(test_id: str) -> float:
            box = page.get_by_test_id(test_id).bounding_box()
            assert box is not None
            return box["y"]

        # All without scrolling: the button that connects, and the address to fetch.
        assert top("connect") < top("fetch-url") < 844 < top("network")
        page.locator("#tunnel-options-box > summary").tap()
        page.get_by_test_id("cover-traffic").uncheck()
        page.get_by_test_id("poisson-traffic").uncheck()
        page.locator("#tunnel-options-box > summary").tap()
        watched.connect()
        page.get_by_test_id("fetch-send").tap()
        expect(page.get_by_test_id("fetch-status")).to_have_text("200 OK")


AXE = (ROOT / "node_modules/axe-core/axe.min.js").read_text()
RUN_AXE = """async () => (await axe.run(document, { resultTypes: ["violations"] })).violations
  .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`))"""


@pytest.mark.parametrize(("colours", "width"), [("light", 390), ("dark", 1280)])
def test_axe_finds_nothing_on_any_panel(browser: Browser, playground: Playground, colours: str, width: int):
    size = {"width": width, "height": 800}
    # It tries styles on; the page's own policy would forbid that, and is watched by the other tests.
    options = {"viewport": size, "color_scheme": colours, "reduced_motion": "reduce", "bypass_csp": True}
    with watch(browser, playground, **options) as watched:
        page = watched.page
        page.evaluate(AXE)
        assert page.evaluate(RUN_AXE) == [], "before the tunnel is connected"
        use_everything(watched)
        for panel in PANELS:
            page.goto(f"{playground.url}#{panel}")
            expect(page.locator(f"#{panel}")).to_be_visible(timeout=PATIENCE_MS)
            assert page.evaluate(RUN_AXE) == [], panel
