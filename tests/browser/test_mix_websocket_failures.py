"""`MixWebSocket` in Chromium, through a local mixnet, to servers that can't be reached, break off, or are hostile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser
from support.websocket_sites import Reading, websocket_sites

from .waiting import wait_until
from .websocket_page import websocket_page

if TYPE_CHECKING:
    from .conftest import Playground


@pytest.fixture(scope="module")
def sites() -> Iterator[dict[str, str]]:
    with websocket_sites(Reading()) as urls:
        yield urls


@pytest.fixture(scope="module")
def run(browser: Browser, playground: Playground, sites: dict[str, str]) -> Iterator[Any]:
    with websocket_page(browser, playground, sites) as run:
        yield run


def test_messages_beyond_the_limit_end_it(run: Any):
    got = run("""
      const fits = new MixWebSocket(sites.wss + "send/1000", [], { maxMessageBytes: 1000 });
      const { data } = await next(fits, "message");
      await fits.close();
      return [data.byteLength, await end(new MixWebSocket(sites.wss + "send/1001", [], { maxMessageBytes: 1000 }))];
    """)
    assert got[0] == 1000
    assert got[1][0] == "open"
    assert got[1][1][:2] == ["error", "websocket.closed_error"]
    assert "larger than allowed" in got[1][1][2]
    assert got[1][2] == ["close", 1006, "", False]


@pytest.mark.parametrize(
    ("site", "code"),
    [
        ("stranger", "tls.unknown_issuer"),
        ("refused", "tcp.connection_refused"),
        ("unknown", "dns.name_not_found"),
        ("forbidding", "websocket.invalid_status"),
        ("no http", "websocket.handshake_not_http"),
        ("endless", "websocket.handshake_too_large"),
    ],
)
def test_who_can_not_be_reached(run: Any, site: str, code: str):
    """First an error event with what was wrong, then a close event; `opened()` resolves all the same."""
    got = run(
        """
        const socket = new MixWebSocket(sites[values.site]);
        const [log] = await Promise.all([end(socket), socket.opened()]);
        return { log, readyState: socket.readyState };
        """,
        site=site,
    )
    (kind, said, message), closed = got["log"]
    assert (kind, said) == ("error", code)
    assert len(message) > 20
    assert "demo.test" not in message
    assert closed == ["close", 1006, "", False]
    assert got["readyState"] == 3


def test_a_time_limit_for_opening(run: Any, playground: Playground):
    got = run("return end(new MixWebSocket(sites.silent, [], { openTimeoutMs: 2000 }))")
    assert [entry[:2] for entry in got] == [["error", "websocket.open_timed_out"], ["close", 1006]]
    wait_until(lambda: playground.exit_tcp_flows() == 0)


def test_closing_while_it_opens_leaves_nothing_at_the_exit(run: Any, playground: Playground):
    run("globalThis.opening = new MixWebSocket(sites.silent)")
    wait_until(lambda: playground.exit_tcp_flows() > 0)
    got = run("""
      const socket = globalThis.opening;
      const ended = end(socket);
      await Promise.all([socket.close(4000, "no time"), socket.opened()]);
      return { log: await ended, readyState: socket.readyState };
    """)
    assert got["log"][-1] == ["close", 1006, "", False]
    assert got["readyState"] == 3
    wait_until(lambda: playground.exit_tcp_flows() == 0)


def test_a_server_that_does_not_answer_the_close_is_given_up(run: Any, playground: Playground):
    got = run("""
      const socket = new MixWebSocket(sites.mute);
      await socket.opened();
      const ended = end(socket);
      await socket.close(1000);
      return ended;
    """)
    assert [entry[:2] for entry in got] == [["error", "websocket.closed_error"], ["close", 1006]]
    assert "did not answer" in got[0][2]
    wait_until(lambda: playground.exit_tcp_flows() == 0)


@pytest.mark.parametrize("site", ["fragmented ping", "masked", "no text", "too large", "bomb", "cut"])
def test_hostile_servers_end_their_own_websocket_and_no_other(run: Any, site: str):
    got = run(
        """
        const honest = new MixWebSocket(sites.wss);
        await honest.opened();
        const socket = new MixWebSocket(sites[values.site], [], { maxMessageBytes: 1_000_000 });
        const message = next(socket, "message");
        const log = await end(socket);
        const answer = await ask(honest)("still here");
        await honest.close();
        return { log, first: (await message).data, answer };
        """,
        site=site,
    )
    assert (got["first"], got["answer"]) == ("before", "still here")
    assert [entry[:2] for entry in got["log"][1:]] == [["error", "websocket.closed_error"], ["close", 1006]]


def test_another_tunnel_by_its_name_and_its_end(run: Any, playground: Playground):
    got = run("""
      const other = { ...options, httpsOnly: true };
      await setupMixTunnel({ ...other, tunnel: "strict" });
      const plain = await end(new MixWebSocket(sites.ws, [], { tunnel: "strict" }));
      const socket = new MixWebSocket(sites.wss, [], { tunnel: "strict" });
      await socket.opened();
      const ended = end(socket);
      const unsent = [socket.readyState];
      await disconnectMixTunnel("strict");
      const log = await ended;
      const ours = new MixWebSocket(sites.ws);
      await ours.opened();
      const answer = await ask(ours)("another one goes on");
      await ours.close();
      return { plain, log, unsent, answer };
    """)
    assert [entry[:2] for entry in got["plain"]] == [["error", "websocket.insecure"], ["close", 1006]]
    assert got["unsent"] == [1]
    assert [entry[0] for entry in got["log"]] == ["error", "close"]
    assert got["log"][-1] == ["close", 1006, "", False]
    assert got["answer"] == "another one goes on"
