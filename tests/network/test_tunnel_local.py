"""The tunnel through a whole local network: real sockets, real servers, every node's own code."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address
from typing import Any

import pytest
from support.ports import refusing_port
from support.servers import pattern
from support.waiting import until

from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions
from mix_protocol.codec import base58
from mix_protocol.errors import MixError
from mix_tunnel.options import TunnelOptions
from mix_tunnel.state import Phase, TunnelState
from mix_tunnel.streams import ByteStream
from mix_tunnel.tunnel import Tunnel

LOOPBACK = IPv4Address("127.0.0.1")
DATA = pattern(300_000)


class Server:
    """Sends `DATA` to who says "down", a hash of what comes to who says "up"; remembers who came."""

    def __init__(self) -> None:
        self.peers: set[str] = set()
        self.port = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.peers.add(writer.get_extra_info("peername")[0])
        if await reader.readline() == b"down\n":
            writer.write(DATA)
        else:
            digest = hashlib.sha256()
            while chunk := await reader.read(65536):
                digest.update(chunk)
            writer.write(digest.digest())
        await writer.drain()
        writer.close()


@asynccontextmanager
async def server() -> AsyncIterator[Server]:
    served = Server()
    listening = await asyncio.start_server(served.handle, "127.0.0.1", 0)
    served.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield served


@asynccontextmanager
async def local_network(**options: Any) -> AsyncIterator[LocalNetwork]:
    async with LocalNetwork(NetworkOptions(**{"allow_local": True, **options})) as network:
        yield network


def quick(network: LocalNetwork, **options: Any) -> TunnelOptions:
    settings = {
        "directory_url": network.directory_url,
        "disable_poisson_traffic": True,
        "disable_cover_traffic": True,
        "client_id": "test",
        **options,
    }
    return TunnelOptions(**settings)


async def read_all(stream: ByteStream) -> bytes:
    received = bytearray()
    while data := await stream.receive():
        received += data
    return bytes(received)


@pytest.mark.parametrize("version", ["1.30.0", "1.37.0"])
async def test_bytes_go_both_ways_intact_and_the_server_sees_the_exit(version: str):
    async with (
        server() as served,
        local_network(advertise_version=version) as network,
        await Tunnel.connect(quick(network)) as tunnel,
    ):
        stream = await tunnel.network.connect_tcp(LOOPBACK, served.port)
        await stream.send(b"down\n")
        assert await read_all(stream) == DATA
        await stream.aclose()
        stream = await tunnel.network.connect_tcp(LOOPBACK, served.port)
        await stream.send(b"up\n" + DATA)
        await stream.send_eof()
        assert await read_all(stream) == hashlib.sha256(DATA).digest()
        await stream.aclose()
        assert served.peers == {"127.0.0.2"}
        assert tunnel.stats().packets_dropped == 0


async def test_with_default_traffic_over_https_and_a_private_authority():
    states: list[TunnelState] = []
    async with server() as served, local_network() as network:
        options = TunnelOptions(
            directory_url=network.directory_https_url,
            ca_certificates=(network.certificate.authority_pem.decode(),),
            client_id="test",
        )
        async with await Tunnel.connect(options, on_state=states.append) as tunnel:
            stream = await tunnel.network.connect_tcp(LOOPBACK, served.port)
            await stream.send(b"down\n")
            assert await read_all(stream) == DATA
            assert tunnel.stats().cover_packets_sent > 0
        with pytest.raises(MixError) as caught:
            await Tunnel.connect(TunnelOptions(directory_url=network.directory_https_url))
        assert caught.value.code == "platform.get_failed"
    assert [state.phase for state in states][-3:] == [Phase.READY, Phase.SHUTTING_DOWN, Phase.SHUTDOWN]


async def test_three_tunnels_one_after_the_other():
    async with server() as served, local_network() as network:
        for _ in range(3):
            async with await Tunnel.connect(quick(network)) as tunnel:
                stream = await tunnel.network.connect_tcp(LOOPBACK, served.port)
                await stream.send(b"up\nx")
                await stream.send_eof()
                assert await read_all(stream) == hashlib.sha256(b"x").digest()


async def test_refused_and_forbidden_destinations_are_typed_errors():
    async with local_network() as network, await Tunnel.connect(quick(network)) as tunnel:
        with refusing_port() as port, pytest.raises(MixError) as caught:
            await tunnel.network.connect_tcp(LOOPBACK, port)
        assert caught.value.code == "tcp.connection_refused"
    async with local_network(allow_local=False) as network, await Tunnel.connect(quick(network)) as tunnel:
        with pytest.raises(MixError) as caught:
            await tunnel.network.connect_tcp(LOOPBACK, port)
        assert caught.value.code in ("tunnel.exit_policy_denied", "ip.unreachable")


async def test_pinned_gateway_and_exit_are_used():
    async with local_network() as network:
        entry = base58.encode(network.exit.gateway.identity.public)
        options = quick(network, preferred_gateway=entry, preferred_ipr=network.exit.recipient.to_text())
        async with await Tunnel.connect(options):
            assert network.exit.snapshot()["clients"] == 1
            assert len(network.exit.gateway.clients) == 1
            assert len(network.entry.clients) == 0


async def test_a_network_that_goes_away_makes_the_tunnel_fail_in_time():
    states: list[TunnelState] = []
    async with local_network() as network:
        options = quick(network, reconnect_timeout_ms=3_000)
        tunnel = await Tunnel.connect(options, on_state=states.append)
    await until(lambda: tunnel.state.phase is Phase.FAILED)
    assert tunnel.state.reason is not None
    with pytest.raises(MixError):
        await tunnel.network.connect_tcp(LOOPBACK, 1)
    await tunnel.close()
    assert tunnel.state.phase is Phase.SHUTDOWN
