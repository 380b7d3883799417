"""A network whose gateways and mix nodes are the work of several processes."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.http_server import serve_answers
from support.processes import BIN, first_line, running
from support.raw_client import CRYPTO, ClientIdentity, RawClient, raw_client, read_topology
from support.servers import pattern
from support.waiting import PATIENCE_S, until
from websockets.exceptions import ConnectionClosed

from mix_network import local_network
from mix_network.descriptors import DescriptorBudget
from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions
from mix_network.rotation import RotationSchedule
from mix_protocol.addressing import KeyRotation, Recipient
from mix_protocol.messages.fragment import split_message
from mix_protocol.messages.nym_message import PlainMessage, encode_message
from mix_protocol.mixwire.frames import encode_frame
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.packet import build_packet
from mix_protocol.topology.route import RouteHop
from mix_tunnel.options import TunnelOptions
from mix_tunnel.runtime.http.request import HttpRequest
from mix_tunnel.tunnel import Tunnel

BODY = pattern(600_000)
HOSTS = {"demo.test": (ip_address("127.0.0.1"),)}


@pytest.fixture
async def network(tmp_path: Path) -> AsyncIterator[LocalNetwork]:
    options = NetworkOptions(workers=2, allow_local=True, hosts=HOSTS, dns="none", pcap=tmp_path / "exit.pcap")
    async with LocalNetwork(options) as started:
        yield started


def quick(network: LocalNetwork) -> TunnelOptions:
    return TunnelOptions(
        directory_url=network.directory_url,
        disable_poisson_traffic=True,
        disable_cover_traffic=True,
        client_id="workers",
    )


async def answer(conversation: Any, received: Any) -> None:
    await conversation.respond(body=BODY if received.target == "/large" else received.body)


async def fetch(tunnel: Tunnel, request: HttpRequest) -> bytes:
    response = await tunnel.http.fetch(request)
    body = bytearray()
    while piece := await response.read(65_536):
        body += piece
    return bytes(body)


def counters(network: LocalNetwork, name: str) -> dict[str, Any]:
    return next(node for node in network.metrics()["nodes"] if node["name"] == name)


def pids(network: LocalNetwork) -> list[int]:
    return network.metrics()["workers"]["pids"]


def is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_data_goes_both_ways_and_every_worker_has_its_part(network: LocalNetwork):
    async with serve_answers(answer) as server, await Tunnel.connect(quick(network)) as tunnel:
        server.host = "demo.test"
        assert await fetch(tunnel, HttpRequest(method="GET", url=server.url("/large"))) == BODY
        url = server.url("/echo")
        assert await fetch(tunnel, HttpRequest(method="POST", url=url, body=BODY[:100_000])) == BODY[:100_000]
        await until(lambda: counters(network, "entry")["pushed"] > 300)
        workers = list(network._pool._workers.values())
        assert all(worker.counters.nodes[number]["received"] > 50 for worker in workers for number in range(3))
    assert not any(node["malformed"] or node["dropped"] for node in network.metrics()["nodes"])
    assert len(network.entry.clients) + len(network.exit.gateway.clients) == 1
    await network.close()
    assert b"GET /large HTTP/1.1" in network.options.pcap.read_bytes()


async def test_a_download_survives_a_worker_that_is_killed(network: LocalNetwork):
    async with serve_answers(answer) as server, await Tunnel.connect(quick(network)) as tunnel:
        server.host = "demo.test"
        for victim in pids(network):
            response = await tunnel.http.fetch(HttpRequest(method="GET", url=server.url("/large")))
            body = bytearray(await response.read(50_000))
            os.kill(victim, signal.SIGKILL)
            while piece := await response.read(65_536):
                body += piece
            assert bytes(body) == BODY
            await until(lambda victim=victim: len(pids(network)) == 2 and victim not in pids(network))
    assert network.metrics()["workers"]["restarts"] == 2
    assert counters(network, "mix-1")["forwarded"] > 300  # the dead one's packets count too


@contextlib.asynccontextmanager
async def connections(port: int, count: int) -> AsyncIterator[list[asyncio.StreamWriter]]:
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(count)]
    try:
        yield [writer for _, writer in opened]
    finally:
        for _, writer in opened:
            writer.close()


async def test_a_packet_passes_once_whichever_worker_gets_it_and_whichever_has_died(network: LocalNetwork):
    first, second = network.mix_nodes[:2]
    packet = build_packet(
        CRYPTO,
        os.urandom,
        route=[RouteHop(node.address, node.keyring.current.public) for node in (first, second)],
        delays_ns=[0, 0],
        destination=bytes(32),
        message=b"once",
        size=PacketSize.REGULAR,
    )
    frame = encode_frame(packet, KeyRotation.from_rotation_id(first.keyring.current.rotation_id))
    async with connections(first.address.port, 4) as writers:
        for writer in writers:
            writer.write(frame)
        await until(lambda: counters(network, "mix-1")["received"] == 4)
        await until(lambda: counters(network, "mix-1")["forwarded"] == 1)
        received = [worker.counters.nodes[0]["received"] for worker in network._pool._workers.values()]
        assert received == [2, 2]
    for pid in pids(network):
        os.kill(pid, signal.SIGKILL)
    await until(lambda: network.metrics()["workers"]["restarts"] == 2)
    async with connections(first.address.port, 2) as writers:
        for writer in writers:
            writer.write(frame)
        await until(lambda: counters(network, "mix-1")["received"] == 6)
    assert counters(network, "mix-1")["replayed"] == 5
    assert counters(network, "mix-1")["forwarded"] == 1


def send_plain(sender: RawClient, recipient: Recipient, data: bytes) -> None:
    for fragment in split_message(os.urandom, encode_message(PlainMessage(data))):
        sender.gateway.send_mix_packet(sender.preparer.prepare(fragment, recipient).packet, sender.now())
    sender.wake()


async def test_a_client_is_found_whichever_worker_it_is_with(network: LocalNetwork):
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(raw_client(network.description())) for _ in range(4)]
        for number in range(16):
            for client in clients:
                send_plain(client, client.preparer.own, b"%d" % number)
        for client in clients:
            await until(lambda client=client: len(client.messages) == 16 and client.acks == 16)
            assert {message.data for message in client.messages} == {b"%d" % number for number in range(16)}
    parts = [worker.counters.nodes[3] for worker in network._pool._workers.values()]
    assert all(part["name"] == "entry" and part["from_clients"] == 32 for part in parts)


async def test_a_client_comes_back_to_another_worker_with_its_key_and_finds_what_waits(network: LocalNetwork):
    alice = ClientIdentity()
    async with raw_client(network.description(), alice) as client:
        own, key = client.preparer.own, alice.shared_key
    await until(lambda: network.entry.clients.seat_of(alice.public).worker == 0)
    async with raw_client(network.description()) as bob:
        for number in range(6):
            send_plain(bob, own, b"%d" % number)
        await until(lambda: bob.acks == 6 and counters(network, "entry")["stored"] == 6)
        await asyncio.sleep(1.1)  # timestamps of authentications are whole seconds
        async with raw_client(network.description(), alice) as client:
            await until(lambda: len(client.messages) == 6)
            assert alice.shared_key == key
    assert network.entry.inbox.size_bytes == 0
    await until(lambda: counters(network, "entry")["pushed"] == 12)


async def test_a_newer_connection_replaces_one_at_another_worker(network: LocalNetwork):
    alice = ClientIdentity()
    async with raw_client(network.description(), alice) as older:
        for _ in range(2):
            await asyncio.sleep(1.1)
            async with raw_client(network.description(), alice) as newer:
                await asyncio.wait_for(older.websocket.wait_closed(), PATIENCE_S)
                for _ in range(4):
                    send_plain(newer, newer.preparer.own, b"mine")
                await until(lambda newer=newer: len(newer.messages) == 4)
                assert older.messages == []
    await until(lambda: network.entry.clients.seat_of(alice.public).worker == 0)


async def test_nothing_is_kept_for_strangers(network: LocalNetwork):
    async with raw_client(network.description()) as client:
        topology = await read_topology(network.directory_url)
        stranger = RawClient(network.description(), topology, ClientIdentity())
        send_plain(client, stranger.preparer.own, b"nobody")
        await until(lambda: counters(network, "entry")["dropped"].get("unknown_client"))
    assert network.entry.inbox.size_bytes == 0


async def test_clients_that_say_nothing_make_room_at_each_worker(monkeypatch: pytest.MonkeyPatch):
    budget = dataclasses.replace(DescriptorBudget(), clients=32)
    monkeypatch.setattr(local_network.DescriptorBudget, "of", lambda *_, **__: budget)
    async with LocalNetwork(NetworkOptions(workers=2)) as network, connections(network.entry.ws_port, 100):
        await until(lambda: counters(network, "entry")["dropped"].get("too_many_connections", 0) >= 100 - 8)
        async with raw_client(network.description()) as client:
            send_plain(client, client.preparer.own, b"let in")
            await until(lambda: client.messages)


async def test_a_client_that_reads_nothing_is_read_no_further(network: LocalNetwork):
    """It would otherwise fill its worker's memory with answers; meanwhile others are served."""
    async with raw_client(network.description()) as greedy, raw_client(network.description()) as modest:
        for task in greedy._tasks:
            task.cancel()
        transport = greedy.websocket.transport
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        transport.pause_reading()
        question = '{"type":"supportedProtocol"}'
        sending = asyncio.create_task(_ask_for_ever(greedy, question))
        await until(lambda: transport.get_write_buffer_size() > 32_768)  # nobody takes them
        send_plain(modest, modest.preparer.own, b"hello")
        await until(lambda: modest.messages)
        sending.cancel()
        await asyncio.wait({sending})
        transport.abort()
        greedy._tasks = []


async def _ask_for_ever(client: RawClient, question: str) -> None:
    while True:
        await client.websocket.send(question)


async def test_the_link_is_another_one_in_every_worker(network: LocalNetwork):
    async with raw_client(network.description()) as client:
        clock = asyncio.get_running_loop().time
        network.set_link("delay=150ms")
        await asyncio.sleep(0.3)  # until the workers have heard of it
        for _ in range(2):
            began, known = clock(), len(client.messages)
            send_plain(client, client.preparer.own, b"slow")
            await until(lambda known=known: len(client.messages) > known)
            # To the gateway, through four links between nodes, and back.
            assert clock() - began > 6 * 0.15


async def test_keys_change_in_every_worker():
    schedule = RotationSchedule()
    epoch = schedule.epochs_of(schedule.rotation_of(schedule.epoch_at(time.time())))[-1]
    ahead_s = schedule.epoch_start(epoch) + 1.0 - time.time()
    later_s = 0.0
    wall = lambda: time.time() + ahead_s + later_s  # noqa: E731
    starting = LocalNetwork(NetworkOptions(workers=2), wall_clock=wall)
    async with starting as network, raw_client(network.description()) as older:
        later_s = float(schedule.epoch_duration_s)
        network.refresh()
        async with raw_client(network.description()) as newer:
            assert newer.preparer.topology.rotation_id == older.preparer.topology.rotation_id + 1
            for _ in range(4):
                send_plain(newer, newer.preparer.own, b"new keys")
                send_plain(older, older.preparer.own, b"old keys")
            await until(lambda: len(newer.messages) == len(older.messages) == 4)
            later_s *= 2
            network.refresh()
            send_plain(older, older.preparer.own, b"too old")
            await until(lambda: counters(network, "mix-1")["dropped"].get("no_key_for_rotation"))


async def test_nodes_own_cover_comes_back_over_the_workers_connections():
    async with LocalNetwork(NetworkOptions(workers=2, node_cover=20.0)) as network:
        await until(lambda: all(node["loops_returned"] > 10 for node in network.metrics()["nodes"]))
        for node in network.metrics()["nodes"]:
            assert not node["dropped"]
            assert node["loops_sent"] >= node["loops_returned"]


async def test_a_gateway_starts_again(network: LocalNetwork):
    alice = ClientIdentity()
    with contextlib.suppress(ConnectionClosed):
        async with raw_client(network.description(), alice) as client:
            await network.entry.restart()
            await asyncio.wait_for(client.websocket.wait_closed(), PATIENCE_S)
    key = alice.shared_key
    await asyncio.sleep(1.1)
    async with raw_client(network.description(), alice) as client:
        send_plain(client, client.preparer.own, b"again")
        await until(lambda: client.messages)
        assert alice.shared_key == key
    await network.entry.restart(forgets_clients=True)
    assert len(network.entry.clients) == 0


def up(*arguments: str) -> list[str]:
    return [str(BIN / "mix-network"), "up", "--json", "--workers", "2", *arguments]


def worker_pids(line: str) -> list[int]:
    url = json.loads(line)["directory"]["http"].removesuffix("/api") + "/metrics.json"
    return httpx.get(url, timeout=PATIENCE_S).json()["workers"]["pids"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_command_ends_its_workers(number: signal.Signals):
    with running(up()) as process:
        pids = worker_pids(first_line(process))
        assert len(pids) == 2
        assert all(map(is_running, pids))
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == 0
        assert not any(map(is_running, pids))
        process.drain.join()
        assert process.errors == []


async def test_no_worker_outlives_a_command_that_is_killed():
    with running(up()) as process:
        pids = worker_pids(first_line(process))
        process.kill()
        process.wait(PATIENCE_S)
        await until(lambda: not any(map(is_running, pids)))


async def test_closing_waits_for_no_worker_that_hangs(network: LocalNetwork):
    stuck, other = pids(network)
    os.kill(stuck, signal.SIGSTOP)
    await network.close()
    assert not is_running(stuck)
    assert not is_running(other)
