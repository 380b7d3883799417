"""A network whose nodes encrypt the links between them, in one process and with workers."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from typing import Any

import httpx
import pytest
from support.http_server import serve_answers
from support.servers import pattern
from support.waiting import until

from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions
from mix_protocol.addressing import KeyRotation
from mix_protocol.mixwire.frames import encode_frame
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.topology.described import decode_described
from mix_tunnel.options import TunnelOptions
from mix_tunnel.runtime.http.request import HttpRequest
from mix_tunnel.tunnel import Tunnel

BODY = pattern(200_000)
HOSTS = {"demo.test": (ip_address("127.0.0.1"),)}


@pytest.fixture(params=[0, 2], ids=["one process", "workers"])
async def network(request):
    options = NetworkOptions(noise=True, workers=request.param, allow_local=True, hosts=HOSTS, dns="none")
    async with LocalNetwork(options) as started:
        yield started


def counted(network: LocalNetwork, name: str) -> int:
    return sum(node[name] for node in network.metrics()["nodes"])


async def answer(conversation: Any, received: Any) -> None:
    await conversation.respond(body=BODY)


async def fetch(network: LocalNetwork) -> bytes:
    options = TunnelOptions(
        directory_url=network.directory_url,
        disable_poisson_traffic=True,
        disable_cover_traffic=True,
        client_id="noise",
    )
    async with serve_answers(answer) as server, await Tunnel.connect(options) as tunnel:
        server.host = "demo.test"
        response = await tunnel.http.fetch(HttpRequest(method="GET", url=server.url("/")))
        body = bytearray()
        while piece := await response.read(65_536):
            body += piece
        return bytes(body)


async def test_clients_notice_nothing_and_whoever_speaks_in_the_clear_gets_nowhere(network: LocalNetwork):
    assert await fetch(network) == BODY
    assert counted(network, "handshakes_failed") == counted(network, "malformed") == 0
    before = counted(network, "received")
    assert before > 0
    node = network.mix_nodes[0]
    reader, writer = await asyncio.open_connection("127.0.0.1", node.address.port)
    writer.write(encode_frame(bytes(PacketSize.REGULAR.packet_length), KeyRotation.ODD))
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()
    await until(lambda: counted(network, "handshakes_failed") == 1)
    assert await fetch(network) == BODY


async def test_every_node_announces_a_key_of_its_own(network: LocalNetwork):
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{network.directory_url}/v2/nym-nodes/described")
    nodes = decode_described(answer.content).data
    keys = [node.description.host_information.keys.x25519_versioned_noise for node in nodes]
    assert len(nodes) == len({key.x25519_pubkey for key in keys if key is not None}) == 5
    assert {key.supported_version for key in keys if key is not None} == {1}


async def test_a_node_that_is_restarted_is_spoken_to_again(network: LocalNetwork):
    assert await fetch(network) == BODY
    await network.restart("mix-2")
    assert await fetch(network) == BODY
