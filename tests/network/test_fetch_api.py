"""`mix_fetch` in Python through a local mixnet in the same process, so that the exit's flow table can be looked at."""

from __future__ import annotations

import asyncio
import hashlib
from ipaddress import ip_address

import pytest
from support.http_server import serve_answers
from support.quiet_tunnel import quiet_options
from support.tls_server import certificate, server_context
from support.waiting import until

from mix_fetch import disconnect_mix_tunnel, get_tunnel_state, mix_fetch, setup_mix_tunnel
from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions
from mix_protocol.errors import MixError
from mix_tunnel.worker.errors import TunnelAlreadyInitialised

BODY = hashlib.shake_256(b"a megabyte").digest(1_000_000)


@pytest.fixture
async def network():
    options = NetworkOptions(allow_local=True, hosts={"demo.test": (ip_address("127.0.0.1"),)}, dns="none")
    async with LocalNetwork(options) as network:
        yield network


@pytest.fixture
async def tunnel(network):
    await set_up(network)
    yield network
    await disconnect_mix_tunnel()


async def set_up(network, **options):
    await setup_mix_tunnel(quiet_options(network, **options))


async def answer(conversation, received):
    match received.target:
        case "/endless":
            await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
            while True:
                await conversation.send(bytes(65_536))
        case "/silence":
            await conversation.reader.read()
        case "/large":
            await conversation.respond(body=BODY)
        case _:
            await conversation.respond(body=received.body)


def site():
    return serve_answers(answer, server_context(certificate("demo.test")))


def tcp_flows(network) -> int:
    return network.exit.snapshot()["flows"].get("tcp", 0)


async def test_set_up_fetch_disconnect_and_again(network):
    async with site() as server:
        server.host = "demo.test"
        for _ in range(2):
            states = []
            await set_up(network, max_redirects=1)
            states.append(str(get_tunnel_state().phase))
            with pytest.raises(TunnelAlreadyInitialised):
                await set_up(network)
            response = await mix_fetch(server.url("/echo"), method="POST", body="hello")
            assert await response.text() == "hello"
            await disconnect_mix_tunnel()
            states.append(str(get_tunnel_state().phase))
            assert states == ["ready", "shutdown"]
            with pytest.raises(MixError, match="setup_mix_tunnel"):
                await mix_fetch(server.url())
        assert server.connections == 2


async def test_a_megabyte_each_way(tunnel):
    async with site() as server:
        server.host = "demo.test"
        down = await (await mix_fetch(server.url("/large"))).bytes()
        assert hashlib.sha256(down).digest() == hashlib.sha256(BODY).digest()
        up = await (await mix_fetch(server.url("/echo"), method="PUT", body=BODY)).bytes()
        assert hashlib.sha256(up).digest() == hashlib.sha256(BODY).digest()
        assert server.connections == 1


async def test_many_at_once(tunnel):
    async with site() as server:
        server.host = "demo.test"

        async def one(number: int) -> bytes:
            return await (await mix_fetch(server.url(), method="POST", body=b"%d" % number)).bytes()

        assert await asyncio.gather(*(one(number) for number in range(20))) == [b"%d" % n for n in range(20)]
        assert server.connections <= 6


async def test_giving_up_leaves_no_flow_at_the_exit(tunnel):
    async with site() as server:
        server.host = "demo.test"
        async with await mix_fetch(server.url("/endless")) as response:
            async for piece in response:
                assert piece
                break
            assert tcp_flows(tunnel) == 1
        waiting = asyncio.create_task(mix_fetch(server.url("/silence")))
        await until(lambda: any(received.target == "/silence" for received in server.requests))
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await until(lambda: not tcp_flows(tunnel))
        # The tunnel itself is as good as before.
        assert (await mix_fetch(server.url("/echo"))).status == 200


async def test_an_unread_body_does_not_flood_the_client(tunnel):
    """Back-pressure goes from the reader through TLS and TCP to the server."""
    sent = 0

    async def pour(conversation, received):
        nonlocal sent
        conversation.writer.transport.set_write_buffer_limits(0)
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        while True:
            await conversation.send(bytes(16_384))
            sent += 16_384

    async with serve_answers(pour) as server:
        server.host = "demo.test"
        response = await mix_fetch(server.url())
        before = -1
        while sent != before:
            before = sent
            await asyncio.sleep(1)
        assert before < 20_000_000  # kernel buffers on loopback are large; the tunnel's are 64 kB
        await response.aclose()
