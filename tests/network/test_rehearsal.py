"""Nodes of a running network are added, killed, stopped, slowed and restarted, and get new keys."""

from __future__ import annotations

import time

import pytest
from support.quiet_tunnel import quiet_options
from support.raw_client import RawClient, raw_client
from support.servers import pattern, serve_http
from support.waiting import until

from mix_network.errors import FaultUnsupported, UnknownNode
from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions
from mix_network.rotation import RotationSchedule
from mix_tunnel.runtime.http.request import HttpRequest
from mix_tunnel.tunnel import Tunnel

SCHEDULE = RotationSchedule()
BODY = pattern(200_000)


class Wall:
    """A wall clock that the test sets forward."""

    ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


def send(client: RawClient, count: int = 1) -> None:
    for _ in range(count):
        client.send_message(client.preparer.own, b"hello", 0)


async def test_a_mix_node_is_added_to_the_smallest_layer_and_carries_packets():
    async with LocalNetwork() as network:
        assert await network.add_mix(2) == "mix-2-2"
        assert await network.add_mix() == "mix-1-2"
        assert [node.layer for node in network.mix_nodes] == [1, 2, 3, 2, 1]
        async with raw_client(network.description()) as client:
            send(client, 40)
            await until(lambda: len(client.messages) == 40 and client.acks == 40)
        counted = {node["name"]: node["received"] for node in network.metrics()["nodes"]}
        # That all 80 packets take the same node of two happens once in 10^23.
        assert counted["mix-2-2"] > 0
        assert counted["mix-1-2"] > 0
        assert counted["mix-1"] + counted["mix-1-2"] == counted["mix-2"] + counted["mix-2-2"] == counted["mix-3"] == 80


async def test_where_layers_are_drawn_a_new_node_comes_with_the_next_epoch():
    wall = Wall()
    options = NetworkOptions(epoch_s=600)
    async with LocalNetwork(options, wall_clock=wall) as network:
        with pytest.raises(FaultUnsupported):
            await network.add_mix(1)
        assert await network.add_mix() == "mix-4"
        assert network.mix_nodes[-1].layer is None
        wall.ahead_s += 600
        network.refresh()
        assert sorted(node.layer for node in network.mix_nodes) == [1, 1, 2, 3]


async def test_a_killed_node_costs_its_packets_and_the_next_epoch_does_without_it():
    wall = Wall()
    async with LocalNetwork(NetworkOptions(mixes="3x2"), schedule=SCHEDULE, wall_clock=wall) as network:
        await network.kill("mix-2-1")
        await network.kill("mix-2-1")
        assert network.states["mix-2-1"] == "killed"
        killed = network.mix_nodes[2]
        async with raw_client(network.description()) as client:
            assert killed.identity.public in {node.identity for node in client.preparer.topology.layers[1]}
            send(client, 40)
            # All that went the other way arrives, and nothing comes of what is sent to the killed one.
            await until(lambda: network.mix_nodes[3].metrics.received > 0 and client.messages)
        assert killed.metrics.received == 0
        wall.ahead_s += SCHEDULE.epoch_duration_s
        network.refresh()
        assert killed.layer is None
        async with raw_client(network.description()) as client:
            assert [len(layer) for layer in client.preparer.topology.layers] == [2, 1, 2]
            send(client, 20)
            await until(lambda: len(client.messages) == 20)
        await network.restart("mix-2-1")
        wall.ahead_s += SCHEDULE.epoch_duration_s
        network.refresh()
        assert (killed.layer, network.states["mix-2-1"]) == (2, "running")


async def test_what_waits_for_a_killed_node_reaches_it_once_it_is_back():
    async with LocalNetwork() as network, raw_client(network.description()) as client:
        send(client)
        await until(lambda: client.messages)
        await network.kill("mix-1")
        send(client, 5)
        await until(lambda: network.entry.metrics.from_clients == 6)
        assert network.mix_nodes[0].metrics.received == 2
        await network.restart("mix-1")
        send(client, 5)
        await until(lambda: len(client.messages) >= 6)


@pytest.mark.parametrize("name", ["entry", "mix-2", "exit"])
async def test_a_stopped_node_keeps_what_comes_until_it_goes_on(name: str):
    with serve_http({"/": ("text/plain", BODY)}) as site:
        async with (
            LocalNetwork(NetworkOptions(allow_local=True)) as network,
            await Tunnel.connect(quiet_options(network)) as tunnel,
        ):
            stream = await tunnel.connect_tcp("127.0.0.1", site.port)
            network.stop(name)
            before = [node["received"] for node in network.metrics()["nodes"] if node["name"] == name]
            handed_in = network.entry.metrics.from_clients
            await stream.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            if name != "entry":
                await until(lambda: network.entry.metrics.from_clients > handed_in)
            assert [node["received"] for node in network.metrics()["nodes"] if node["name"] == name] == before
            assert site.requests == []
            network.resume(name)
            received = bytearray()
            while data := await stream.receive():
                received += data
            assert received.endswith(BODY)
            assert set(network.states.values()) == {"running"}


@pytest.mark.parametrize("name", ["entry", "mix-3", "exit"])
async def test_a_tunnel_outlives_the_death_and_return_of_any_node(name: str):
    with serve_http({"/": ("text/plain", BODY)}) as site:
        async with (
            LocalNetwork(NetworkOptions(allow_local=True)) as network,
            await Tunnel.connect(quiet_options(network)) as tunnel,
        ):

            async def fetch() -> bytes:
                response = await tunnel.http.fetch(HttpRequest("GET", f"http://127.0.0.1:{site.port}/"))
                return b"".join([piece async for piece in response])

            assert await fetch() == BODY
            await network.kill(name)
            await network.restart(name)
            assert await fetch() == BODY


async def test_keys_change_during_a_download_and_nobody_has_to_know():
    with serve_http({"/": ("text/plain", BODY)}) as site:
        async with (
            LocalNetwork(NetworkOptions(allow_local=True)) as network,
            await Tunnel.connect(quiet_options(network)) as tunnel,
        ):
            nodes = [network.entry, *network.mix_nodes, network.exit.gateway]
            former = [node.keyring.current for node in nodes]
            stream = await tunnel.connect_tcp("127.0.0.1", site.port)
            await stream.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            received = bytearray(await stream.receive())
            assert len(received) < len(BODY)
            rotation = network.rotate_keys()
            current = [node.keyring.current for node in nodes]
            assert {pair.rotation_id for pair in current} == {rotation}
            assert {pair.rotation_id for pair in former} == {rotation - 1}
            while data := await stream.receive():
                received += data
            assert received.endswith(BODY)
            assert not any(node.metrics.dropped for node in nodes)
            async with raw_client(network.description()) as client:
                assert client.preparer.topology.rotation_id == rotation
                send(client)
                await until(lambda: client.messages)


async def test_names_that_there_are_not_and_faults_that_can_not_be():
    async with LocalNetwork() as network:
        with pytest.raises(UnknownNode) as caught:
            await network.kill("mix-9")
        assert caught.value.fields["nodes"] == "mix-1, mix-2, mix-3, entry, exit"
        with pytest.raises(FaultUnsupported):
            await network.add_mix(4)
        await network.kill("mix-1")
        for fault in (network.stop, network.slow, network.resume):
            with pytest.raises(FaultUnsupported):
                fault("mix-1")


async def test_with_workers_nodes_are_killed_and_come_back():
    async with LocalNetwork(NetworkOptions(workers=1)) as network, raw_client(network.description()) as client:
        send(client)
        await until(lambda: client.messages)
        await network.kill("mix-2")
        await network.restart("mix-2")
        send(client, 3)
        await until(lambda: len(client.messages) > 1)
        with pytest.raises(FaultUnsupported):
            network.stop("mix-1")
        with pytest.raises(FaultUnsupported):
            await network.add_mix()
