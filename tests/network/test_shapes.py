"""Networks with several nodes of each kind, and with short epochs."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from support.quiet_tunnel import quiet_options
from support.raw_client import raw_client
from support.servers import pattern
from support.waiting import PATIENCE_S, until

from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions
from mix_tunnel.tunnel import Tunnel

MESSAGES = 120
PIECE = pattern(20_000)


async def test_packets_take_every_node_of_each_layer_alike():
    options = NetworkOptions(mixes="3x3", entries=2, exits=2)
    async with LocalNetwork(options) as network:
        description = network.description()
        for number, entry in enumerate(description["entry_gateways"]):
            async with raw_client({**description, "entry_gateways": [entry]}) as client:
                # Each message is one packet with an acknowledgement, and both draw their routes.
                for _ in range(MESSAGES):
                    client.send_message(client.preparer.own, b"hello", 0)
                await until(lambda: len(client.messages) == MESSAGES and client.acks == MESSAGES)
                assert network.entries[number].metrics.from_clients == MESSAGES
        for layer in (1, 2, 3):
            received = [node["received"] for node in network.metrics()["nodes"] if node.get("layer") == layer]
            packets = 2 * 2 * MESSAGES
            assert sum(received) == packets
            assert len(received) == 3
            # Six standard deviations of a binomial distribution.
            bound = 6 * (packets * 2 / 9) ** 0.5
            assert all(abs(count - packets / 3) < bound for count in received), received


@asynccontextmanager
async def endless_site(ended: asyncio.Event):
    """Sends one piece after the other until `ended`; gives its port and how often it was asked."""
    asked: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(1)
        pieces = 0
        while not ended.is_set():
            writer.write(PIECE)
            await writer.drain()
            pieces += 1
            await asyncio.sleep(0.1)
        writer.write(b"%08d" % pieces)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], asked


async def test_a_download_across_epochs_and_key_rotations_loses_nothing():
    options = NetworkOptions(mixes="3x2", epoch_s=3, rotation_epochs=1, allow_local=True)
    ended = asyncio.Event()
    async with endless_site(ended) as (port, asked), LocalNetwork(options) as network:
        nodes = [network.entry, *network.mix_nodes, network.exit.gateway]
        layers, rotations = set(), set()

        def has_seen_enough() -> bool:
            layers.add(tuple(node.layer for node in network.mix_nodes))
            rotations.add(tuple(node.keyring.current.rotation_id for node in nodes))
            return len({each for each in rotations if len(set(each)) == 1}) >= 4 and len(layers) >= 2

        async with await Tunnel.connect(quiet_options(network)) as tunnel:
            stream = await tunnel.connect_tcp("127.0.0.1", port)
            received = bytearray()

            async def download() -> None:
                while data := await stream.receive():
                    received.extend(data)

            async with asyncio.timeout(2 * PATIENCE_S), asyncio.TaskGroup() as group:
                group.create_task(download())
                await until(has_seen_enough)
                ended.set()
            stream.abort()
        assert len(asked) == 1
        pieces = int(received[-8:])
        assert received[:-8] == PIECE * pieces
        assert pieces > 10


@pytest.mark.parametrize("options", [{"mixes": "3x2"}, {"mixes": "3x2", "workers": 1}])
async def test_the_directory_tells_every_node_and_its_layer(options: dict):
    async with LocalNetwork(NetworkOptions(**options)) as network, raw_client(network.description()) as client:
        layers = client.preparer.topology.layers
        assert [{node.identity for node in layer} for layer in layers] == [
            {node.identity.public for node in network.mix_nodes if node.layer == number} for number in (1, 2, 3)
        ]
        assert [len(layer) for layer in layers] == [2, 2, 2]
        client.send_message(client.preparer.own, b"hello", 0)
        await until(lambda: client.messages)
