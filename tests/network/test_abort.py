"""A request that is cancelled at any stage ends at once, and nothing of it stays at the exit.

The servers stall for good, so it is the cancelling that ends each request: what counts is the order of events.
"""

from __future__ import annotations

import asyncio

import httpx
import pytest
from support.http_server import serve_answers
from support.stalling import STAGES, stalling_site
from support.waiting import PATIENCE_S, until

from mix_fetch import MixTransport, mix_fetch
from mix_network.exit.nat import udp
from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions
from mix_protocol.errors import NetworkFailure
from mix_tunnel.options import TunnelOptions
from mix_tunnel.tunnel import Tunnel


@pytest.fixture
async def world(monkeypatch):
    """Network, tunnel and site. A question to a name server has no end that the exit could see: its flow idles out."""
    monkeypatch.setattr(udp, "IDLE_S", 1.0)
    async with stalling_site() as site, LocalNetwork(NetworkOptions(allow_local=True)) as network:
        options = TunnelOptions(
            directory_url=network.directory_url,
            disable_cover_traffic=True,
            disable_poisson_traffic=True,
            primary_dns=site.name_server,
            fallback_dns=site.name_server,
        )
        async with await Tunnel.connect(options) as tunnel:
            yield network, tunnel, site


async def fetch_whole(url, tunnel):
    return await (await mix_fetch(url, tunnel=tunnel)).bytes()


async def fetch_by_httpx(url, tunnel):
    async with httpx.AsyncClient(transport=MixTransport(tunnel), timeout=None) as client:
        return await client.get(url)


@pytest.mark.parametrize("fetch", [fetch_whole, fetch_by_httpx], ids=["mix_fetch", "httpx"])
async def test_cancelling_at_every_stage(world, fetch):
    network, tunnel, site = world
    flows = network.exit.flows
    for stage in STAGES:
        site.reached.clear()
        task = asyncio.create_task(fetch(site.url(stage), tunnel))
        await until(lambda: task.done() or (len(flows) and (stage == "tcp" or stage in site.reached)))  # noqa: B023
        assert not task.done(), (stage, task)
        task.cancel()
        await asyncio.wait({task}, timeout=PATIENCE_S)
        assert task.cancelled(), stage
        await until(lambda: len(flows) == 0)
    assert await is_sound(tunnel)


async def is_sound(tunnel) -> bool:
    """Whether the tunnel is as good as before."""

    async def answer(conversation, received):
        await conversation.respond(body=b"here")

    async with serve_answers(answer) as server:
        return await fetch_whole(server.url(), tunnel) == b"here"


@pytest.mark.parametrize("stage", STAGES)
async def test_a_limit_at_every_stage(world, stage):
    """The limit for everything ends a request as cancelling does."""
    network, tunnel, site = world

    async def fetch():
        response = await mix_fetch(site.url(stage), timeout_s=1.5, tunnel=tunnel)
        await response.bytes()

    with pytest.raises(NetworkFailure) as caught:
        await fetch()
    assert caught.value.code == "http.total_timed_out"
    await until(lambda: len(network.exit.flows) == 0)


async def test_cancelling_before_it_starts(world):
    network, tunnel, site = world
    task = asyncio.create_task(fetch_whole(site.url("headers"), tunnel))
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert len(network.exit.flows) == 0
    assert site.reached == []
