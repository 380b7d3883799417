"""The playground when things come late, or before others that they followed: nothing is lost, and nothing disturbs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import Browser, Route, expect
from support.chromium import new_context

from .conftest import READY_MS
from .waiting import wait_until

if TYPE_CHECKING:
    from .conftest import Playground, Watched

# Presses Connect in the moment in which a try has failed, and notes what is seen of the next one.
TRY_AGAIN = """() => {
  const [state, connect, error] = ["tunnel-state", "connect", "tunnel-error"].map((id) => document.getElementById(id));
  globalThis.seen = [];
  let isTryingAgain = false;
  const look = () => {
    if (state.textContent === "failed" && !isTryingAgain) {
      isTryingAgain = true;
      connect.click();
    } else if (isTryingAgain && state.textContent === "connecting") {
      globalThis.seen.push([connect.disabled, error.hidden]);
    }
  };
  const watched = { childList: true, subtree: true, characterData: true, attributes: true };
  for (const each of [state, connect, error]) new MutationObserver(look).observe(each, watched);
}"""


def test_nothing_can_be_pressed_before_the_page_is_at_work(browser: Browser, playground: Playground):
    held: list[Route] = []
    context = new_context(browser)
    try:
        page = context.new_page()
        page.route("**/playground.json", lambda route: held.append(route))
        page.goto(playground.url)
        wait_until(lambda: held, page)
        expect(page.get_by_test_id("connect")).to_be_disabled()
        expect(page.get_by_test_id("cover-traffic")).to_be_disabled()
        held[0].continue_()
        expect(page.get_by_test_id("connect")).to_be_enabled()
        expect(page.get_by_test_id("cover-traffic")).to_be_enabled()
    finally:
        context.close()


def test_a_new_try_is_not_disturbed_by_what_is_left_of_the_last_one(watched: Watched):
    page = watched.page
    failing = True

    def fail_once(route: Route) -> None:
        nonlocal failing
        if failing:
            failing = False
            route.fulfill(status=404)
        else:
            route.continue_()

    page.context.route("**/api/**", fail_once)
    page.evaluate(TRY_AGAIN)
    page.get_by_test_id("connect").click()
    expect(page.get_by_test_id("tunnel-state")).to_have_text("ready", timeout=READY_MS)
    seen = page.evaluate("seen")
    assert seen
    assert seen == [[True, True]] * len(seen)
    expect(page.get_by_test_id("tunnel-error")).to_be_hidden()


def test_the_network_is_asked_once_at_a_time(watched: Watched):
    """Answers that overtake each other would set the counters back."""
    page = watched.page
    held: list[Route] = []
    page.route("**/network.json", lambda route: held.append(route))
    wait_until(lambda: held, page)
    page.wait_for_timeout(3500)  # it asks every second
    assert len(held) == 1
    held[0].continue_()
    wait_until(lambda: len(held) > 1, page)
    page.unroute("**/network.json")
    for route in held[1:]:
        route.continue_()
