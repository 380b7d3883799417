"""A tunnel over emulated links: it feels the delay, and nothing of what it carries is lost."""

from __future__ import annotations

import time

from support.quiet_tunnel import quiet_options
from support.servers import pattern, serve_http

from mix_fetch.fetching import mix_fetch
from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions
from mix_tunnel.tunnel import Tunnel

BODY = pattern(100_000)


async def test_a_body_comes_intact_over_mobile_and_links_are_switched_on_the_way():
    with serve_http({"/": ("application/octet-stream", BODY)}) as site:
        async with LocalNetwork(NetworkOptions(allow_local=True, link="mobile")) as network:
            assert network.description()["link"] == network.metrics()["link"] == "mobile"
            async with await Tunnel.connect(quiet_options(network)) as tunnel:
                started = time.monotonic()
                response = await mix_fetch(f"http://127.0.0.1:{site.port}/", tunnel=tunnel)
                # TCP's handshake and the request: two times two ways over the client's link and four between nodes.
                assert time.monotonic() - started >= 4 * (0.060 + 4 * 0.015)
                network.set_link("delay=20ms jitter=20ms loss=3%")
                assert await response.bytes() == BODY
                network.set_link("none")
                response = await mix_fetch(f"http://127.0.0.1:{site.port}/", tunnel=tunnel)
                assert await response.bytes() == BODY
                assert tunnel.stats().gateway_reconnects == 0
            lost = sum(node["dropped"].get("link_loss", 0) for node in network.metrics()["nodes"])
            assert lost > 0


async def test_a_link_with_a_rate_takes_its_time():
    options = NetworkOptions(allow_local=True, link="rate=1mbit")
    with serve_http({"/": ("application/octet-stream", BODY)}) as site:
        async with LocalNetwork(options) as network, await Tunnel.connect(quiet_options(network)) as tunnel:
            started = time.monotonic()
            response = await mix_fetch(f"http://127.0.0.1:{site.port}/", tunnel=tunnel)
            assert await response.bytes() == BODY
            assert time.monotonic() - started >= 8 * len(BODY) / 1e6
