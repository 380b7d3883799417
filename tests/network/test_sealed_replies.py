"""Replies on SURBs of version 260 through a local network: nobody but the client opens them, and nobody tells them."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from support.servers import pattern

from mix_network.local_network import LocalNetwork
from mix_network.mixnode.processing import Outcome, PacketProcessor
from mix_network.options import NetworkOptions
from mix_protocol.gateway import server as gateway_server
from mix_protocol.gateway.server import GatewaySession, GatewaySessionConfig
from mix_protocol.mixwire.frames import NodeFrame
from mix_protocol.sphinx.processing import FinalPacket, SealedPacket
from mix_tunnel.options import TunnelOptions
from mix_tunnel.tunnel import Tunnel

DATA = pattern(100_000)


class Watched:
    """What the nodes of a network see, and how long what a gateway pushes to a client is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.versions: Counter[int] = Counter()
        self.finals: Counter[type] = Counter()
        self.pushed: Counter[int] = Counter()
        process, seal = PacketProcessor.process_frames, gateway_server.seal_frame

        def note(processor: PacketProcessor, frames: Sequence[NodeFrame]) -> list[Outcome]:
            outcomes = process(processor, frames)
            for done in filter(None, outcomes):
                self.versions[done.version] += 1
                self.finals[type(done)] += 1
            return outcomes

        def measure(*arguments: Any) -> bytes:
            frame = seal(*arguments)
            self.pushed[len(frame)] += 1
            return frame

        monkeypatch.setattr(PacketProcessor, "process_frames", note)
        monkeypatch.setattr(gateway_server, "seal_frame", measure)


@asynccontextmanager
async def ready_tunnel(**options: Any) -> AsyncIterator[Tunnel]:
    async with (
        LocalNetwork(NetworkOptions(allow_local=True)) as network,
        await Tunnel.connect(TunnelOptions(directory_url=network.directory_url, **options)) as tunnel,
    ):
        yield tunnel


async def download(tunnel: Tunnel) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(DATA)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        stream = await tunnel.connect_tcp("127.0.0.1", server.sockets[0].getsockname()[1])
        digest = hashlib.sha256()
        while piece := await stream.receive():
            digest.update(piece)
        assert digest.digest() == hashlib.sha256(DATA).digest()


async def test_a_download_comes_sealed_and_looks_like_cover_to_every_hop_and_on_the_link(monkeypatch):
    watched = Watched(monkeypatch)
    async with ready_tunnel() as tunnel:
        await asyncio.sleep(2.0)  # on a busy machine, what left before the exit was there is under way for so long
        watched.versions.clear()
        await asyncio.sleep(0.5)  # idle, with cover
        idle_versions, idle_pushed = set(watched.versions), set(watched.pushed)
        await download(tunnel)
        assert watched.finals[SealedPacket] > 40
        assert idle_versions == {260}
        # What the exit needs to know that it has arrived, it asks for acknowledgements of, which are its own packets.
        assert watched.versions[259] < watched.versions[260] / 20
        assert set(watched.pushed) == idle_pushed
        assert len(idle_pushed) == 2  # acknowledgements, and everything else


async def test_where_the_gateway_does_not_carry_them_everything_is_as_everywhere(monkeypatch):
    watched = Watched(monkeypatch)
    begin = GatewaySession.__init__

    def begin_plain(session: GatewaySession, *arguments: Any, **options: Any) -> None:
        begin(session, *arguments, **{**options, "config": GatewaySessionConfig()})

    monkeypatch.setattr(GatewaySession, "__init__", begin_plain)
    async with ready_tunnel(disable_cover_traffic=True, disable_poisson_traffic=True) as tunnel:
        await download(tunnel)
    assert set(watched.versions) == {259}
    assert watched.finals[SealedPacket] == 0
    assert watched.finals[FinalPacket] > 40
