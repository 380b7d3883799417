"""A gateway over real sockets: clients come and go, packets go through, payloads wait."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from support.raw_client import CRYPTO, ClientIdentity, RawClient
from support.waiting import PATIENCE_S, until
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from mix_network.gateway.node import GatewayServer
from mix_network.mixnode.mixing import NodeContext
from mix_network.mixnode.node import MixNodeServer
from mix_network.network_view import NetworkView
from mix_network.node_keys import IdentityKeys, ServiceKeys, SphinxKeyring
from mix_network.origins import Origins
from mix_network.rotation import RotationSchedule
from mix_protocol.addressing import Recipient
from mix_protocol.codec import base58
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.gateway.server import GatewaySessionConfig
from mix_protocol.messages.fragment import split_message
from mix_protocol.messages.nym_message import PlainMessage, encode_message
from mix_protocol.topology.nodes import GatewayNode, MixNode
from mix_protocol.topology.topology import Topology

SCHEDULE = RotationSchedule()


@dataclass
class Net:
    """One gateway and three mix nodes."""

    gateway: GatewayServer
    mixes: list[MixNodeServer]
    topology: Topology
    description: dict

    def client(self, identity: ClientIdentity | None = None) -> RawClient:
        return RawClient(self.description, self.topology, identity or ClientIdentity())

    @contextlib.asynccontextmanager
    async def connected(self, identity: ClientIdentity | None = None) -> AsyncIterator[RawClient]:
        client = self.client(identity)
        await client.connect()
        try:
            yield client
        finally:
            await client.close()


@pytest.fixture
async def net() -> AsyncIterator[Net]:
    view = NetworkView()
    context = NodeContext(CRYPTO, view, SCHEDULE, time.time)

    def keyring() -> SphinxKeyring:
        return SphinxKeyring(CRYPTO, os.urandom, SCHEDULE, time.time())

    def identity() -> IdentityKeys:
        return IdentityKeys.generate(CRYPTO, os.urandom)

    gateway = GatewayServer(context, identity(), keyring(), os.urandom, name="entry", role="entry-gateway")
    mixes = [MixNodeServer(context, identity(), keyring(), name=f"mix-{n}", layer=n) for n in (1, 2, 3)]
    address = await gateway.start()
    addresses = [await mix.start() for mix in mixes]
    view.update([address, *addresses])
    node = GatewayNode(1, gateway.identity.public, gateway.keyring.current.public, address)
    layers = tuple(
        (MixNode(10 + mix.layer, mix.identity.public, mix.keyring.current.public, mix.address),) for mix in mixes
    )
    topology = Topology(layers, {node.identity: node}, gateway.keyring.current.rotation_id)
    service = ServiceKeys.generate(CRYPTO, os.urandom).recipient(gateway.identity.public)
    description = {
        "entry_gateways": [{"identity": base58.encode(node.identity), "ws": f"ws://127.0.0.1:{gateway.ws_port}"}],
        "exit_gateways": [{"ip_packet_router": service.to_text()}],
    }
    yield Net(gateway, mixes, topology, description)
    await gateway.close()
    for mix in mixes:
        await mix.close()


async def test_a_message_to_oneself_goes_all_the_way_round_and_is_acknowledged(net: Net):
    async with net.connected() as client:
        client.send_message(client.preparer.own, b"hello me", 1)
        await until(lambda: client.messages and client.acks == net.gateway.metrics.from_clients)
        assert client.messages[0].data == b"hello me"
        assert client.acks == len(client.payloads) - 1
        assert net.gateway.metrics.acks_forwarded == net.gateway.metrics.from_clients
        assert [mix.metrics.replayed for mix in net.mixes] == [0, 0, 0]


async def test_cover_comes_back(net: Net):
    async with net.connected() as client:
        client.gateway.send_mix_packet(client.preparer.prepare_cover().packet, client.now())
        client.wake()
        await until(lambda: len(client.payloads) == 2 and client.covers)
        assert (client.covers, client.messages) == (1, [])


def send_plain(sender: RawClient, recipient: Recipient, data: bytes) -> None:
    """A message that needs no answer."""
    sender._send_encoded(recipient, encode_message(PlainMessage(data)))


async def test_clients_that_are_away_find_their_payloads_when_they_come_back(net: Net):
    alice = ClientIdentity()
    async with net.connected(alice) as client:
        own = client.preparer.own
    assert alice.shared_key is not None
    await until(lambda: net.gateway.delivery.connected(alice.public) is None)
    async with net.connected() as bob:
        send_plain(bob, own, b"while you were out")
        # The ack comes although the recipient is away.
        await until(lambda: bob.acks == 1 and net.gateway.metrics.stored == 1)
    key = alice.shared_key
    async with net.connected(alice) as client:
        await until(lambda: client.messages)
        assert client.messages == [PlainMessage(b"while you were out")]
        assert alice.shared_key == key
    assert net.gateway.inbox.size_bytes == 0


async def test_nothing_is_kept_for_identities_that_never_registered(net: Net):
    async with net.connected() as client:
        stranger = net.client().preparer.own
        send_plain(client, stranger, b"nobody")
        await until(lambda: net.gateway.metrics.dropped["unknown_client"])
        assert net.gateway.inbox.size_bytes == 0


async def test_a_newer_connection_of_the_same_client_replaces_the_older(net: Net):
    alice = ClientIdentity()
    async with net.connected(alice) as older, net.connected(alice) as newer:
        await asyncio.wait_for(older.websocket.wait_closed(), PATIENCE_S)
        send_plain(newer, newer.preparer.own, b"mine")
        await until(lambda: newer.messages)
        assert older.messages == []
    await until(lambda: net.gateway.delivery.connected(alice.public) is None)


async def test_packets_to_unknown_first_hops_are_dropped(net: Net):
    async with net.connected() as client:
        (fragment,) = split_message(os.urandom, encode_message(PlainMessage(b"x")))
        packet = client.preparer.prepare(fragment, client.preparer.own).packet
        stray = type(packet)(type(packet.first_hop).from_text("127.0.0.1", 9), packet.packet, packet.key_rotation)
        client.gateway.send_mix_packet(stray, client.now())
        client.wake()
        await until(lambda: net.gateway.metrics.dropped["unknown_next_hop"])


GARBAGE = [
    b"\x00" * 100,
    "",
    "{}",
    "[" * 5000,
    '{"type":"handshakePayload","protocol_version":6,"data":[1,2,3]}',
    '{"type":"authenticateV2"}',
    '{"type":"nothing"}',
    "x" * 100_000,
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
async def test_garbage_before_authentication_ends_the_connection(net: Net, garbage: str | bytes):
    async with connect(net.description["entry_gateways"][0]["ws"], open_timeout=PATIENCE_S) as websocket:
        with contextlib.suppress(ConnectionClosed):
            await websocket.send(garbage)
            while True:
                answer = await asyncio.wait_for(websocket.recv(), PATIENCE_S)
                assert "error" in json.loads(answer)["type"].lower()
    async with net.connected() as client:
        send_plain(client, client.preparer.own, b"still here")
        await until(lambda: client.messages)


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" + bytes(200), SeededRandom("noise")(3000)],
    ids=["plain HTTP", "TLS", "noise"],
)
async def test_what_is_no_websocket_is_refused(net: Net, data: bytes):
    reader, writer = await asyncio.open_connection("127.0.0.1", net.gateway.ws_port)
    writer.write(data)
    writer.write_eof()
    with contextlib.suppress(ConnectionError):
        await asyncio.wait_for(reader.read(), PATIENCE_S)
    writer.close()
    async with net.connected() as client:
        assert client.identity.shared_key is not None


async def test_a_silent_client_is_cut_off(net: Net):
    net.gateway._listener.session_config = GatewaySessionConfig(message_timeout_s=0.1)
    async with connect(net.description["entry_gateways"][0]["ws"], open_timeout=PATIENCE_S) as websocket:
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(websocket.recv(), PATIENCE_S)
    assert net.gateway.metrics.dropped["gateway.client_timed_out"] == 1
    await until(lambda: net.gateway.metrics.connections == 0)


async def test_closing_the_gateway_closes_its_clients(net: Net):
    async with net.connected() as client:
        await net.gateway.close()
        await asyncio.wait_for(client.websocket.wait_closed(), PATIENCE_S)


@pytest.fixture
async def small(net: Net) -> Net:
    """A gateway with two places for strangers and six for clients."""
    net.gateway._listener.connections._max_unproven = 2
    net.gateway._listener.connections._max_proven = 6
    return net


async def test_strangers_who_say_nothing_keep_nobody_out(small: Net):
    port = small.gateway.ws_port
    async with small.connected() as client:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
        half_open = [await connect(client.url, open_timeout=PATIENCE_S) for _ in range(20)]
        await until(lambda: len(small.gateway._listener.connections) <= 3)
        async with small.connected() as newcomer:
            assert newcomer.identity.shared_key is not None
        assert client.websocket.state.name == "OPEN"
        for _, writer in held:
            writer.close()
        for websocket in half_open:
            websocket.transport.abort()
    assert small.gateway.metrics.dropped["too_many_connections"] >= 37


async def test_the_client_silent_for_longest_makes_room_although_it_answers_pings(small: Net):
    async with contextlib.AsyncExitStack() as stack:
        speaker = await stack.enter_async_context(small.connected())
        silent = small.client()
        await silent.connect()
        others = [await stack.enter_async_context(small.connected()) for _ in range(4)]
        speaker.gateway.send_mix_packet(speaker.preparer.prepare_cover().packet, speaker.now())
        speaker.wake()
        await until(lambda: speaker.covers)
        await asyncio.wait_for(await silent.websocket.ping(), PATIENCE_S)
        newcomer = await stack.enter_async_context(small.connected())
        await asyncio.wait_for(silent.websocket.wait_closed(), PATIENCE_S)
        assert {client.websocket.state.name for client in (speaker, *others, newcomer)} == {"OPEN"}
        assert len(small.gateway._listener.connections) == 6
        with pytest.raises(ConnectionClosed):
            await silent.close()


@pytest.mark.parametrize(
    ("only_local", "headers", "status"),
    [
        (True, {"Origin": "https://evil.example"}, 403),
        (True, {"Origin": "null"}, 403),
        (True, {"Origin": "http://localhost:8080"}, None),
        (True, {"Origin": "https://app.test"}, None),
        (True, {}, None),
        (False, {"Origin": "https://evil.example"}, None),
        (False, {"Host": "evil.example"}, 403),
        (True, {"Host": "evil.example", "Origin": "http://localhost"}, 403),
    ],
)
async def test_pages_of_other_sites_are_refused_where_they_must_be(
    net: Net, only_local: bool, headers: dict[str, str], status: int | None
):
    net.gateway._listener._origins = Origins(only_local=only_local, also=["https://app.test"])
    reader, writer = await asyncio.open_connection("127.0.0.1", net.gateway.ws_port)
    lines = {"Host": "127.0.0.1", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    lines |= {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"GET / HTTP/1.1\r\n{head}\r\n".encode())
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n"), PATIENCE_S)
    assert int(answer.split()[1]) == (status or 101)
    assert net.gateway.metrics.dropped["foreign_origin"] == (status == 403)
    writer.close()


async def test_a_gateway_that_closes_keeps_what_a_client_has_not_taken(net: Net):
    net.gateway._listener.limits = dataclasses.replace(net.gateway._listener.limits, closing_s=0.1)
    alice = ClientIdentity()
    payloads = [number.to_bytes(4, "big") * 500 for number in range(1000)]
    client = net.client(alice)
    await client.connect()
    client.websocket.transport.pause_reading()
    (connection,) = net.gateway._listener.connections
    for transport, option in ((connection.transport, socket.SO_SNDBUF), (client.websocket.transport, socket.SO_RCVBUF)):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, option, 65536)  # less than comes now
    for payload in payloads:
        net.gateway.delivery._deliver(alice.public, payload)
    await net.gateway.close()
    kept = net.gateway.inbox.take(alice.public, asyncio.get_running_loop().time())
    assert kept
    client.websocket.transport.resume_reading()
    await asyncio.wait(client._tasks[:1], timeout=PATIENCE_S)  # it has read all that there is
    with contextlib.suppress(ConnectionClosed):
        await client.close()
    assert client.payloads
    assert client.payloads + kept == payloads
