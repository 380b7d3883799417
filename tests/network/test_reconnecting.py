"""Losing and restoring a tunnel in a whole local network: real sockets, and nodes that are really restarted."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Any

import pytest
from support.http_server import serve_answers
from support.waiting import PATIENCE_S, until

from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions
from mix_protocol.codec import base58
from mix_protocol.errors import MixError
from mix_tunnel.options import TunnelOptions
from mix_tunnel.platform import Platform
from mix_tunnel.platform.native import NativePlatform
from mix_tunnel.runtime.http.request import HttpRequest
from mix_tunnel.state import Phase, TunnelState
from mix_tunnel.tunnel import Tunnel

LOOPBACK = IPv4Address("127.0.0.1")
BODY = hashlib.shake_256(b"two megabytes").digest(2_000_000)


class Watched:
    """A network, a tunnel through it, and what the tunnel said."""

    def __init__(self, network: LocalNetwork, tunnel: Tunnel, states: list[TunnelState]) -> None:
        self.network = network
        self.tunnel = tunnel
        self.states = states

    @property
    def reasons(self) -> set[str]:
        return {state.reason.code for state in self.states if state.reason is not None}

    async def get(self, url: str) -> bytes:
        response = await self.tunnel.http.fetch(HttpRequest(method="GET", url=url))
        return await read_rest(response)

    async def until_phase(self, phase: Phase) -> None:
        await until(lambda: self.tunnel.state.phase is phase)

    async def until_lost(self) -> None:
        """Wait until the tunnel has noticed that something broke, even if it has been restored since."""
        await until(lambda: self.reasons)


class Laptop(NativePlatform):
    """A machine that can sleep: only its wall clock tells afterwards."""

    slept_s = 0.0

    def wall_clock(self) -> float:
        return super().wall_clock() + self.slept_s


@asynccontextmanager
async def watched_tunnel(
    tunnel_options: dict[str, Any] | None = None, platform: Platform | None = None, **options: Any
) -> AsyncIterator[Watched]:
    hosts = {"demo.test": (ip_address("127.0.0.1"),)}
    states: list[TunnelState] = []
    async with LocalNetwork(NetworkOptions(allow_local=True, hosts=hosts, dns="none", **options)) as network:
        settings = {
            "directory_url": network.directory_url,
            "preferred_gateway": base58.encode(network.entry.identity.public),
            "disable_poisson_traffic": True,
            "disable_cover_traffic": True,
            "client_id": "reconnecting",
            **(tunnel_options or {}),
        }
        connecting = Tunnel.connect(TunnelOptions(**settings), platform=platform, on_state=states.append)
        async with await connecting as tunnel:
            yield Watched(network, tunnel, states)


async def read_rest(response: Any) -> bytes:
    body = bytearray()
    while piece := await response.read(65_536):
        body += piece
    return bytes(body)


async def answer(conversation: Any, received: Any) -> None:
    if received.target == "/large":
        await conversation.respond(body=BODY)
    else:
        await conversation.respond(body=b"small")


def site() -> Any:
    return serve_answers(answer)


@pytest.mark.parametrize("forgets", [False, True])
async def test_a_fetch_waits_for_the_entry_gateway_to_restart(forgets: bool):
    async with site() as server, watched_tunnel() as watched:
        server.host = "demo.test"
        assert await watched.get(server.url("/small")) == b"small"
        restarting = asyncio.create_task(watched.network.entry.restart(forgets_clients=forgets))
        await watched.until_lost()
        fetching = asyncio.create_task(watched.get(server.url("/small")))
        await restarting
        assert await fetching == b"small"
        await watched.until_phase(Phase.READY)
        assert watched.reasons == {"tunnel.gateway_lost"}
        assert watched.tunnel.stats().gateway_reconnects >= 1


async def test_a_download_survives_its_gateways_dropped_connection():
    async with site() as server, watched_tunnel() as watched:
        server.host = "demo.test"
        response = await watched.tunnel.http.fetch(HttpRequest(method="GET", url=server.url("/large")))
        body = bytearray()
        drops = 0
        while piece := await response.read(65_536):
            body += piece
            if len(body) > (drops + 1) * 500_000 and drops < 2:
                drops += 1
                watched.network.entry.drop_clients()
        assert hashlib.sha256(body).digest() == hashlib.sha256(BODY).digest()
        assert watched.tunnel.stats().gateway_reconnects == 2
        assert server.connections == 1  # the exit never noticed


async def test_when_the_exit_restarts_flows_fail_and_the_next_fetch_works():
    async with site() as server, watched_tunnel() as watched:
        server.host = "demo.test"
        assert await watched.get(server.url("/small")) == b"small"
        response = await watched.tunnel.http.fetch(HttpRequest(method="GET", url=server.url("/large")))
        await response.read(65_536)
        await watched.network.exit.restart()
        with pytest.raises(MixError) as caught:
            await read_rest(response)
        assert "tunnel.exit_changed" in (caught.value.code, getattr(caught.value.__cause__, "code", None))
        assert await watched.get(server.url("/small")) == b"small"
        assert watched.reasons == {"ipr.exit_lost"}


async def test_another_entry_gateway_takes_over():
    options = {"preferred_gateway": None}
    async with site() as server, watched_tunnel(options, entries=2) as watched:
        server.host = "demo.test"
        assert await watched.get(server.url("/small")) == b"small"
        home = next(gateway for gateway in watched.network._gateways if len(gateway.clients))
        others = [gateway for gateway in watched.network._gateways if gateway is not home]
        await home._listener.close()
        await watched.until_lost()
        assert await watched.get(server.url("/small")) == b"small"
        assert sum(len(gateway.clients) for gateway in others) == 1


async def test_another_exit_takes_over():
    async with site() as server, watched_tunnel(exits=2) as watched:
        server.host = "demo.test"
        assert await watched.get(server.url("/small")) == b"small"
        [used] = [node for node in watched.network.exits if node.snapshot()["clients"]]
        [other] = [node for node in watched.network.exits if node is not used]
        used._service._router.refuse_clients("closed for the day")
        for client in list(used._service._router._by_tag.values()):
            used._service._router._remove(client, None, used._service.now())  # type: ignore[arg-type]
        assert await watched.get(server.url("/small")) == b"small"
        assert other.snapshot()["clients"] == 1


async def test_a_gateway_that_answers_nothing_any_more_is_noticed():
    async with site() as server, watched_tunnel() as watched:
        server.host = "demo.test"
        assert await watched.get(server.url("/small")) == b"small"
        listener = watched.network.entry._listener
        for connection in list(listener.connections):
            connection.transport.pause_reading()  # as if the wire were cut: no FIN, no RST, no answer
        assert await watched.get(server.url("/small")) == b"small"
        assert watched.reasons == {"tunnel.gateway_silent"}


async def test_a_laptop_that_slept_a_little_goes_on_where_it_was():
    laptop = Laptop()
    async with site() as server, watched_tunnel(platform=laptop) as watched:
        server.host = "demo.test"
        response = await watched.tunnel.http.fetch(HttpRequest(method="GET", url=server.url("/large")))
        body = await response.read(65_536)
        laptop.slept_s += 40
        body += await read_rest(response)
        assert hashlib.sha256(body).digest() == hashlib.sha256(BODY).digest()
        assert watched.reasons == set()
        assert server.connections == 1


async def test_a_laptop_that_slept_for_hours_finds_its_connection_dead_and_its_exit_without_memory():
    laptop = Laptop()
    async with site() as server, watched_tunnel(platform=laptop) as watched:
        server.host = "demo.test"
        assert await watched.get(server.url("/small")) == b"small"
        response = await watched.tunnel.http.fetch(HttpRequest(method="GET", url=server.url("/large")))
        for connection in list(watched.network.entry._listener.connections):
            connection.transport.pause_reading()
        await watched.network.exit.restart()
        laptop.slept_s += 4 * 3600
        with pytest.raises(MixError) as caught:
            await read_rest(response)
        assert "tunnel.exit_changed" in (caught.value.code, getattr(caught.value.__cause__, "code", None))
        assert await watched.get(server.url("/small")) == b"small"
        assert watched.reasons & {"tunnel.gateway_silent", "ipr.exit_lost"}  # whichever is noticed first
        assert watched.tunnel.stats().gateway_reconnects >= 1


async def test_a_tunnel_that_cannot_come_back_fails_when_the_option_says_so():
    async with site() as server, watched_tunnel({"reconnect_timeout_ms": 8_000}) as watched:
        server.host = "demo.test"
        assert await watched.get(server.url("/small")) == b"small"
        await watched.network.entry._listener.close()
        await watched.until_lost()
        waiting = asyncio.create_task(watched.get(server.url("/small")))
        await watched.until_phase(Phase.FAILED)
        with pytest.raises(MixError) as caught:
            await waiting
        reason = watched.tunnel.state.reason
        assert reason is not None
        assert caught.value.code == reason.code == "platform.websocket_failed"


async def test_disconnecting_while_the_gateway_is_away_works_at_once():
    async with watched_tunnel() as watched:
        watched.network.entry.drop_clients()
        await watched.network.entry._listener.close()
        await watched.until_lost()
        opening = asyncio.create_task(watched.tunnel.network.connect_tcp(LOOPBACK, 1))
        async with asyncio.timeout(PATIENCE_S / 2):
            await watched.tunnel.close()
        with pytest.raises(MixError) as caught:
            await opening
        assert caught.value.code == "tunnel.closed"


async def test_a_kept_identity_is_a_known_client_to_its_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    async with watched_tunnel({"storage_passphrase": "secret"}) as watched:
        await watched.tunnel.close()
        options = TunnelOptions(
            directory_url=watched.network.directory_url, client_id="reconnecting", storage_passphrase="secret"
        )
        for _ in range(2):
            async with await Tunnel.connect(options):
                pass
        assert len(watched.network.entry.clients) == 1
        assert len(watched.network.exit.gateway.clients) == 0
