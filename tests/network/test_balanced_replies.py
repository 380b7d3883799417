"""Balanced replies between real nodes: the exit announces them, the client asks for them, and the sums are right."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions
from mix_tunnel.options import TunnelOptions
from mix_tunnel.tunnel import Tunnel

SIZE = 60_000


@pytest.fixture
async def network() -> AsyncIterator[LocalNetwork]:
    async with LocalNetwork(NetworkOptions(allow_local=True, dns="none")) as running:
        yield running


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    writer.write(bytes(SIZE))
    writer.close()


@pytest.mark.parametrize("balanced", [True, False])
async def test_a_download_brings_no_more_packets_than_have_left(network: LocalNetwork, balanced: bool) -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    options = TunnelOptions(directory_url=network.directory_url, balanced_replies=balanced)
    async with server, await Tunnel.connect(options) as tunnel:
        reader, writer = await tunnel.open_connection("127.0.0.1", port)
        writer.write(b"please\n")
        assert len(await reader.read()) == SIZE
        writer.close()
        replies = network.exit._service._replies
        if balanced:
            stats, answers = tunnel.stats(), network.exit.snapshot()["replies_sent"]
            left = stats.real_packets_sent + stats.retransmitted_packets + stats.cover_packets_sent
            assert SIZE // 1_604 < answers <= left
            assert replies._surbs == 0  # none is kept, they are on their way home
        else:
            assert replies._surbs > 0
