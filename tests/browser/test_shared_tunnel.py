"""Tabs that share a tunnel: one worker and one client for all; each tab has its own requests, and takes them along."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, expect
from support.chromium import new_context
from support.static_site import serve_folder

from .conftest import PATIENCE_MS, ROOT, Watched, read_json
from .face import Face
from .waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Playground

LINKS_OF_PEERS = 1
"""Connections that an entry gateway without clients has: mix 3's, which brings what is for them."""
SHARED = "await setupMixTunnel({ ...options, ...values.more, shared: true });"
DOWNLOAD = """
  globalThis.received = 0;
  globalThis.ended = null;
  const response = await mixFetch(site + "/bytes/50000000");
  const count = async () => {
    for await (const piece of response.body) globalThis.received += piece.byteLength;
  };
  void count().then(() => (globalThis.ended = "whole"), (error) => (globalThis.ended = error.code ?? error.name));
"""


class Gateway:
    """What the network's side sees of its clients; one of the gateways is everybody's."""

    def __init__(self, playground: Playground) -> None:
        self._metrics = f"{playground.network['directory']['http'].removesuffix('/api')}/metrics.json"

    def _entry(self) -> dict[str, Any]:
        (entry,) = (node for node in read_json(self._metrics)["nodes"] if node["role"] == "entry-gateway")
        return entry

    def sessions(self) -> int:
        """WebSockets of clients."""
        return self._entry()["connections"] - LINKS_OF_PEERS

    def clients(self) -> int:
        """Clients that have ever registered."""
        return self._entry()["clients"]


class Tabs:
    """Tabs of one browser at the playground's page, and what the gateway sees."""

    def __init__(self, watched: Watched, playground: Playground) -> None:
        self._watched = watched
        self._playground = playground
        self.first = Face(watched, playground)
        self.gateway = Gateway(playground)
        wait_until(lambda: self.gateway.sessions() == 0)

    def open(self) -> Face:
        page = self._watched.page.context.new_page()
        page.goto(self._playground.url)
        return Face(Watched(page), self._playground)

    def wait(self, condition: Callable[[], object]) -> None:
        """Until something holds; the pages live meanwhile."""
        wait_until(condition, self._watched.page.context.pages[0])


@pytest.fixture
def tabs(watched: Watched, playground: Playground) -> Tabs:
    return Tabs(watched, playground)


def share(tab: Face, **more: Any) -> Any:
    return tab.run(f"{SHARED} return await getTunnelState()", more=more)


def received(tab: Face) -> int:
    return tab.run("return globalThis.received")


def goes_on(tab: Face) -> Callable[[], bool]:
    before = received(tab)
    return lambda: received(tab) > before


def test_two_tabs_are_one_client_with_one_address(tabs: Tabs):
    clients = tabs.gateway.clients()
    one, other = tabs.first, tabs.open()
    assert share(one)["state"] == "ready"
    late = share(other)
    assert (late["state"], late["warnings"]) == ("ready", [])
    for tab in (one, other):
        assert tab.run("return (await mixFetch(site)).status") == 200
    assert (tabs.gateway.sessions(), tabs.gateway.clients()) == (1, clients + 1)
    stats = [tab.run("return await getTunnelStats()") for tab in (one, other)]
    assert stats[1]["bytesSent"] >= stats[0]["bytesSent"] > 0
    assert one.watched.tunnel_workers == other.watched.tunnel_workers == []  # nobody has a worker of its own
    again = other.run("return await caught(setupMixTunnel({ ...options, shared: true }))")
    assert again["message"] == "tunnel already initialised"


def test_a_tab_that_closes_in_mid_download_takes_its_own_along_and_no_other(tabs: Tabs, playground: Playground):
    one, other = tabs.first, tabs.open()
    for tab in (one, other):
        share(tab)
    flows = playground.exit_tcp_flows()
    for tab in (one, other):
        tab.run(DOWNLOAD)
    for tab in (one, other):
        tabs.wait(goes_on(tab))
    other.run("for (let i = 0; i < 3; i++) void mixFetch(site + '/delay/60000').catch(() => {})")
    tabs.wait(lambda: playground.exit_tcp_flows() > flows)
    other.watched.page.close()
    for _ in range(3):
        tabs.wait(goes_on(one))
    assert one.run("return [globalThis.ended, (await getTunnelState()).state]") == [None, "ready"]
    assert tabs.gateway.sessions() == 1
    tabs.wait(lambda: one.run("return (await getTunnelStats()).openConnections") <= 1)


def test_the_tab_that_made_the_tunnel_may_go_and_the_last_one_ends_it(tabs: Tabs):
    share(tabs.first)
    other = tabs.open()
    share(other)
    third = tabs.open()
    tabs.first.watched.page.close()
    assert other.run("return (await mixFetch(site)).status") == 200
    assert tabs.gateway.sessions() == 1
    other.watched.page.close()
    wait_until(lambda: tabs.gateway.sessions() == 0)
    assert share(third)["state"] == "ready"  # in a fresh worker
    assert tabs.gateway.sessions() == 1


def test_a_tab_that_is_frozen_holds_up_no_other_and_goes_on_later(tabs: Tabs):
    one, other = tabs.first, tabs.open()
    for tab in (one, other):
        share(tab)
        tab.run(DOWNLOAD)
    for tab in (one, other):
        tabs.wait(goes_on(tab))
    devtools = other.watched.page.context.new_cdp_session(other.watched.page)
    devtools.send("Page.setWebLifecycleState", {"state": "frozen"})
    for _ in range(3):
        tabs.wait(goes_on(one))
    devtools.send("Page.setWebLifecycleState", {"state": "active"})
    tabs.wait(goes_on(other))
    assert tabs.gateway.sessions() == 1


def test_a_tab_that_goes_to_another_page_leaves_and_may_come_back(tabs: Tabs, playground: Playground):
    one, other = tabs.first, tabs.open()
    for tab in (one, other):
        share(tab)
    other.run(DOWNLOAD)
    tabs.wait(goes_on(other))
    flows = playground.exit_tcp_flows()
    other.watched.page.goto(f"{playground.url}playground.json")
    tabs.wait(lambda: playground.exit_tcp_flows() < flows)
    other.watched.page.go_back()
    assert share(other)["state"] == "ready"
    for tab in (one, other):
        assert tab.run("return (await mixFetch(site)).status") == 200
    assert tabs.gateway.sessions() == 1


def test_the_playgrounds_tabs_share_one_where_that_is_wanted(tabs: Tabs, playground: Playground):
    one = tabs.first.watched
    other = Watched(one.page.context.new_page())
    other.page.goto(playground.url)
    other.wait_for_program()
    for tab in (one, other):
        tab.page.locator("#tunnel-options-box").evaluate("each => { each.open = true; }")
        tab.page.locator("#tunnel-more").evaluate("each => { each.open = true; }")
        tab.page.get_by_test_id("cover-traffic").uncheck()
        tab.page.get_by_test_id("poisson-traffic").uncheck()
        tab.page.get_by_test_id("tunnel-shared").check()
        tab.connect()
    assert tabs.gateway.sessions() == 1
    one.disconnect()
    other.fetch(playground.https)
    expect(other.page.get_by_test_id("fetch-status")).to_contain_text("200")
    one.connect()
    assert tabs.gateway.sessions() == 1


def test_disconnecting_is_leaving_until_the_last_one_disconnects(tabs: Tabs):
    one, other = tabs.first, tabs.open()
    share(one)
    share(other)
    one.run(DOWNLOAD)
    one.run("globalThis.told = []; onTunnelState(({ state }) => globalThis.told.push(state))")
    one.run("await disconnectMixTunnel()")
    tabs.wait(lambda: one.run("return globalThis.ended") == "tunnel.closed")
    gone = one.run("return [globalThis.told, (await getTunnelState()).state, (await caught(mixFetch(site))).code]")
    assert gone == [["shutting_down", "shutdown"], "shutdown", "tunnel.not_set_up"]
    assert other.run("return [(await mixFetch(site)).status, (await getTunnelState()).state]") == [200, "ready"]
    assert share(one)["state"] == "ready"
    for tab in (one, other):
        tab.run("await disconnectMixTunnel()")
    assert other.run("return (await getTunnelState()).state") == "shutdown"
    wait_until(lambda: tabs.gateway.sessions() == 0)
    assert share(one, maxRedirects=3)["state"] == "ready"


def test_other_options_are_refused_and_a_tunnel_of_another_name_is_another(tabs: Tabs):
    one, other = tabs.first, tabs.open()
    share(one)
    refused = other.run("return await caught(setupMixTunnel({ ...options, cookies: true, shared: true }))")
    assert (refused["code"], refused["fields"]) == ("tunnel.other_options", {"options": ["cookies"]})
    assert share(other, cookies=True, tunnel="work")["state"] == "connecting"  # of the default tunnel
    assert tabs.gateway.sessions() == 2
    other.run("await disconnectMixTunnel('work')")
    wait_until(lambda: tabs.gateway.sessions() == 1)
    assert share(other, cookies=True, tunnel="work")  # whose worker had closed
    assert other.run("return (await getTunnelState('work')).state") == "ready"


def test_states_reach_all_tabs_and_a_stored_identity_is_one_sessions(tabs: Tabs):
    one, other, alone = tabs.first, tabs.open(), tabs.open()
    kept = {"storagePassphrase": "correct horse battery staple"}
    one.run("globalThis.told = []; onTunnelState(({ state }) => globalThis.told.push(state))")
    other.run("globalThis.told = []; onTunnelState(({ state }) => globalThis.told.push(state))")
    # Both at once: one of them sets it up, both see how.
    start = f"globalThis.setup = (async () => {{ {SHARED} }})();"
    for tab in (one, other):
        tab.run(start, more=kept)
    for tab in (one, other):
        told = tab.run("await globalThis.setup; return globalThis.told")
        assert (told[0], told[-1]) == ("connecting", "ready")
        assert tab.run("return (await getTunnelState()).warnings") == []
    warnings = alone.run(
        "await setupMixTunnel({ ...options, ...values.more }); return (await getTunnelState()).warnings", more=kept
    )
    assert [(each["code"], each["fields"]["reason"]) for each in warnings] == [("tunnel.identity_not_kept", "in_use")]
    assert tabs.gateway.sessions() == 2


def test_a_worker_that_cannot_start_is_said_in_every_tab_and_may_be_tried_again(browser: Browser, tmp_path: Path):
    for name in ("mix-tunnel", "mix-fetch"):
        shutil.copytree(ROOT / "web/dist" / name, tmp_path / name)
    (tmp_path / "index.html").write_text("<!doctype html><title>tab</title>")
    archive = tmp_path / "mix-tunnel/pyodide/site-packages.bin.gz"
    archive.rename(tmp_path / "kept")
    preload = """async () => {
      const { preloadMixTunnel } = await import("/mix-tunnel/index.js");
      globalThis.loaded = preloadMixTunnel({ shared: true }).then(() => "ready", ({ code, message }) => code + message);
    }"""
    with serve_folder(tmp_path) as url:
        context = new_context(browser)
        context.set_default_timeout(PATIENCE_MS)
        pages = [context.new_page() for _ in range(3)]
        for page in pages:
            page.goto(url)
        for page in pages[:2]:
            page.evaluate(preload)
        for page in pages[:2]:
            told = page.evaluate("globalThis.loaded")
            assert told.startswith("worker.failed")
            assert "site-packages.bin.gz cannot be fetched" in told
        (tmp_path / "kept").rename(archive)
        for page in pages:
            page.evaluate(preload)
        assert [page.evaluate("globalThis.loaded") for page in pages] == ["ready"] * 3
        context.close()


def test_a_worker_that_dies_is_told_in_all_tabs_and_replaced(tabs: Tabs, browser: Browser):
    one, other = tabs.first, tabs.open()
    for tab in (one, other):
        share(tab)
    one.run("globalThis.pending = caught(mixFetch(site + '/delay/60000'))")
    kill_shared_worker(browser)
    assert one.run("return (await globalThis.pending).code") == "worker.failed"
    for tab in (one, other):
        tabs.wait(lambda tab=tab: tab.run("return (await getTunnelState()).state") == "failed")
    wait_until(lambda: tabs.gateway.sessions() == 0)
    for tab in (one, other):
        assert share(tab)["state"] == "ready"
        assert tab.run("return (await mixFetch(site)).status") == 200
    assert tabs.gateway.sessions() == 1


def kill_shared_worker(browser: Browser) -> None:
    """End the browser's only shared worker."""
    session = browser.new_browser_cdp_session()
    targets = session.send("Target.getTargets", {"filter": [{"type": "shared_worker"}]})["targetInfos"]
    (worker,) = (target["targetId"] for target in targets)
    attached = session.send("Target.attachToTarget", {"targetId": worker, "flatten": False})["sessionId"]
    close = json.dumps({"id": 1, "method": "Runtime.evaluate", "params": {"expression": "self.close()"}})
    session.send("Target.sendMessageToTarget", {"sessionId": attached, "message": close})
    session.detach()


def test_without_shared_workers_a_tab_has_a_tunnel_of_its_own_and_a_warning(browser: Browser, playground: Playground):
    context = new_context(browser)
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script("delete globalThis.SharedWorker")
    page = context.new_page()
    page.goto(playground.url)
    tab = Face(Watched(page), playground)
    told = share(tab)
    assert (told["state"], [warning["code"] for warning in told["warnings"]]) == ("ready", ["tunnel.not_shared"])
    assert tab.run("return (await mixFetch(site)).status") == 200
    assert len(tab.watched.tunnel_workers) == 1
    context.close()
