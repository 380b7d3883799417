"""A page's tunnel over a connection that breaks: the gateway is reached through a relay that the test holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, Route
from support.echo_servers import EchoServers
from support.tcp_relay import TcpRelay, relaying

from .conftest import watch
from .face import Face

if TYPE_CHECKING:
    from .conftest import Playground

CONNECT = """
  globalThis.reasons = [];
  globalThis.states = [];
  onTunnelState(({ state, reason }) => {
    states.push(state);
    if (reason) {
      reasons.push(reason.code);
    }
  });
  await setupMixTunnel(options);
  const socket = await (await getMixTunnel()).tcpConnect({ host: "127.0.0.1", port: values.port });
  globalThis.reader = socket.readable.getReader();
  globalThis.writer = socket.writable.getWriter();
  await writer.write(bytes("one"));
  return text((await reader.read()).value);
"""
ASK = """
  await writer.write(bytes("two")).catch(() => {});
  const answer = await reader.read().then(({ value }) => text(value), describe);
  const { status } = await mixFetch(site);
  const stats = await getTunnelStats();
  return { answer, status, reasons: [...new Set(reasons)], states, reconnects: stats.gatewayReconnects };
"""


class Line:
    """The page, and the wire between it and its gateway."""

    def __init__(self, face: Face, relay: TcpRelay, echo: EchoServers) -> None:
        self._face = face
        self.relay = relay
        assert face.run(CONNECT, port=echo.tcp) == "one"
        assert relay.accepted == 1

    def ask(self) -> dict[str, Any]:
        """Send over the connection of before, and fetch something."""
        told: dict[str, Any] = self._face.run(ASK)
        return told

    def sleep(self, hours: int) -> None:
        """Let the worker's clock jump as that of a laptop does that slept."""
        (worker,) = self._face.watched.tunnel_workers
        worker.evaluate("(ms) => { const now = Date.now; Date.now = () => now() + ms; }", hours * 3_600_000)


@pytest.fixture
def line(browser: Browser, playground: Playground) -> Iterator[Line]:
    (entry,) = playground.network["entry_gateways"]
    gateway_port = int(entry["ws"].rpartition(":")[2])
    echo = EchoServers()
    with relaying(gateway_port) as relay, watch(browser, playground) as watched:

        def lead_through_relay(route: Route) -> None:
            text = route.fetch().text()
            route.fulfill(body=text.replace(f'"ws_port":{gateway_port}', f'"ws_port":{relay.port}'))

        watched.page.context.route(re.compile("/api/.*skimmed"), lead_through_relay)
        face = Face(watched, playground)
        yield Line(face, relay, echo)
        face.run("await disconnectMixTunnel()")
        watched.origins.discard(f"ws://127.0.0.1:{relay.port}/")  # the way to the same gateway
    echo.close()


def test_a_cut_connection_is_made_again_and_a_tcp_connection_goes_on(line: Line):
    line.relay.cut()
    told = line.ask()
    assert (told["answer"], told["status"]) == ("two", 200)
    assert told["reasons"] == ["tunnel.gateway_lost"]
    assert told["reconnects"] == 1
    assert told["states"][-1] == "ready"
    assert line.relay.accepted == 2


def test_a_wire_that_is_cut_without_a_word_is_noticed_and_a_tcp_connection_goes_on(line: Line):
    line.relay.freeze()
    told = line.ask()
    assert (told["answer"], told["status"]) == ("two", 200)
    assert told["reasons"] == ["tunnel.gateway_silent"]
    assert line.relay.accepted == 2


def test_after_hours_of_sleep_old_connections_fail_and_new_ones_work(line: Line):
    line.relay.freeze()
    line.sleep(hours=4)
    told = line.ask()
    assert told["answer"]["code"] == "tunnel.exit_changed"
    assert told["status"] == 200
    assert "tunnel.gateway_silent" in told["reasons"]
    assert told["states"][-1] == "ready"


def test_a_nap_changes_nothing(line: Line):
    line.sleep(hours=1)  # the connection and the exit's memory have outlived it
    told = line.ask()
    assert (told["answer"], told["status"], told["reasons"]) == ("two", 200, [])
    assert line.relay.accepted == 1
