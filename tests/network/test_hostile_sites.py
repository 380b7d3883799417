"""Sites that mean harm, through a local mixnet: each ends with its typed error, and other requests go on."""

from __future__ import annotations

import asyncio
import tracemalloc

import httpx
import pytest
from support.hostile_site import BOMB_BYTES, CODES, hostile_site
from support.quiet_tunnel import quiet_options
from support.waiting import until

from mix_fetch import MixTransport, mix_fetch
from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions
from mix_protocol.errors import MixError
from mix_tunnel.tunnel import Tunnel

BY_HTTPX = ("/endless-headers", "/bad-chunk", "/two-lengths", "/short", "/nothing", "/h2-flood")
"""The rest is httpx's own affair: it follows redirects and decodes."""


@pytest.fixture
async def world():
    async with (
        LocalNetwork(NetworkOptions(allow_local=True)) as network,
        hostile_site() as site,
        await Tunnel.connect(quiet_options(network)) as tunnel,
    ):
        yield network, tunnel, site


async def count(url: str, tunnel: Tunnel) -> int:
    return sum([len(piece) async for piece in await mix_fetch(url, tunnel=tunnel)])


async def test_each_ends_with_its_error_and_the_others_go_on(world):
    network, tunnel, site = world
    for path, code in CODES.items():
        tracemalloc.start()
        try:
            bad, good = await asyncio.gather(
                count(site.url(path), tunnel), count(site.url("/fine"), tunnel), return_exceptions=True
            )
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert isinstance(bad, MixError), (path, bad)
        assert (path, bad.code) == (path, code)
        assert good == len(b"fine")
        assert peak < BOMB_BYTES / 2, path
    await tunnel.http.aclose()
    await until(lambda: len(network.exit.flows) == 0)


@pytest.mark.parametrize("path", BY_HTTPX)
async def test_httpx_is_told_that_the_server_broke_the_protocol(world, path):
    _, tunnel, site = world
    async with httpx.AsyncClient(transport=MixTransport(tunnel), timeout=60) as client:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)) as caught:
            await client.get(site.url(path))
        assert isinstance(caught.value.__cause__, MixError)
        assert caught.value.__cause__.code == CODES[path]
        assert (await client.get(site.url("/fine"))).text == "fine"
