"""The page, fetch and WebSocket in Debian's Firefox: another engine runs our worker, its Python and its WebAssembly."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from support.firefox import FirefoxPage, firefox_page
from support.servers import pattern, serve_http
from support.threaded import in_thread
from support.websocket_server import serving

from .conftest import NO_COVER, Playground, read_json

BODY = pattern(100_000)
# Conditions are looked at in the page, so that Firefox is asked once.
UNTIL = """
  const until = async (condition) => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 50));
  };
  const find = (name) => document.querySelector(`[data-testid="${name}"]`);
"""


@pytest.fixture(scope="module")
def page(playground: Playground) -> Iterator[FirefoxPage]:
    """The playground in Firefox; nothing may have been complained about at the end."""
    with firefox_page() as running:
        running.go(playground.url)
        yield running
        assert running.errors == []


def test_the_playground_connects_and_fetches(page: FirefoxPage, playground: Playground):
    told = page.run(
        f"""{UNTIL}
        await until(() => find("connect")?.disabled === false);
        find("connect").click();
        await until(() => ["ready", "failed"].includes(find("tunnel-state").textContent));
        find("fetch-url").value = values.url;
        find("fetch-send").click();
        await until(() => /\\d{{3}}|failed/.test(find("fetch-status")?.textContent));
        return [find("tunnel-state").textContent, find("fetch-status").textContent];
        """,
        url=playground.http,
    )
    assert told[0] == "ready"
    assert "200" in told[1]


def test_mix_fetch(page: FirefoxPage):
    with serve_http({"/body": ("application/octet-stream", BODY)}) as server:
        told = page.run(
            """
            const { mixFetch } = await import("/mix-fetch/index.js");
            const response = await mixFetch(`${values.site}/body`);
            const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await response.arrayBuffer()));
            const posted = await mixFetch(`${values.site}/echo`, { method: "POST", body: "hello" });
            const error = await mixFetch("http://nobody.invalid/").catch((error) => error);
            return [response.status, [...digest], await posted.text(), error.code, error instanceof TypeError];
            """,
            site=f"http://127.0.0.1:{server.port}",
        )
    assert told == [200, list(hashlib.sha256(BODY).digest()), "hello", "dns.name_not_found", True]


def test_mix_websocket(page: FirefoxPage):
    with in_thread(serving(max_size=None)) as port:
        told = page.run(
            """
            const { MixWebSocket } = await import("/mix-websocket/index.js");
            const socket = new MixWebSocket(values.url);
            await socket.opened();
            const echoed = [];
            for (const message of ["grüße", new Uint8Array(50_000).fill(7)]) {
              const answer = new Promise((resolve) => socket.addEventListener("message", resolve, { once: true }));
              await socket.send(message);
              const { data } = await answer;
              echoed.push(typeof data === "string" ? data : new Uint8Array(data).reduce((sum, byte) => sum + byte, 0));
            }
            const closed = new Promise((resolve) => socket.addEventListener("close", resolve, { once: true }));
            await socket.close(4001, "over");
            const { code, reason, wasClean } = await closed;
            return [echoed, code, reason, wasClean];
            """,
            url=f"ws://127.0.0.1:{port}/",
        )
    assert told == [["grüße", 350_000], 4001, "over", True]


def test_a_tunnel_of_its_own_is_set_up_with_cover_traffic_off(page: FirefoxPage, playground: Playground):
    told = page.run(
        """
        const { setupMixTunnel, disconnectMixTunnel, getTunnelState } = await import("/mix-tunnel/index.js");
        await setupMixTunnel({ ...values.options, tunnel: "other" });
        const { state } = await getTunnelState("other");
        await disconnectMixTunnel("other");
        return [state, (await getTunnelState("other")).state];
        """,
        options={"directoryUrl": f"{playground.url}api", **NO_COVER},
    )
    assert told == ["ready", "shutdown"]


def test_tabs_share_a_tunnel(page: FirefoxPage, playground: Playground):
    values = {"options": {"directoryUrl": f"{playground.url}api", **NO_COVER, "shared": True, "tunnel": "shared"}}
    metrics = playground.network["directory"]["http"].removesuffix("/api") + "/metrics.json"

    def clients() -> int:
        return sum(node.get("clients", 0) for node in read_json(metrics)["nodes"] if node["role"] == "entry-gateway")

    before = clients()
    share = """
        const { setupMixTunnel, disconnectMixTunnel, getTunnelState } = await import("/mix-tunnel/index.js");
        const { mixFetch } = await import("/mix-fetch/index.js");
        await setupMixTunnel(values.options);
        const { state, warnings } = await getTunnelState("shared");
        globalThis.fetchBody = async () =>
          (await (await mixFetch(`${values.site}/body`, { tunnel: "shared" })).arrayBuffer()).byteLength;
        globalThis.leave = () => disconnectMixTunnel("shared");
        return [state, warnings, await fetchBody()];
        """
    with serve_http({"/body": ("application/octet-stream", BODY)}) as server:
        values["site"] = f"http://127.0.0.1:{server.port}"
        assert page.run(share, **values) == ["ready", [], len(BODY)]
        with page.other_tab() as other:
            other.go(playground.url)
            assert other.run(share, **values) == ["ready", [], len(BODY)]
            assert clients() == before + 1
            page.run("await leave()")
            assert other.run("return await fetchBody()") == len(BODY)
            assert page.run(share, **values) == ["ready", [], len(BODY)]
        assert page.run("const bytes = await fetchBody(); await leave(); return bytes") == len(BODY)
        assert page.run(share, **values) == ["ready", [], len(BODY)]
        assert clients() == before + 2
        page.run("await leave()")
