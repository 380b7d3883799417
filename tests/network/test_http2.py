"""HTTP/2 through a local mixnet to hypercorn and scripted servers: one flow at the exit carries all requests."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

import pytest
from h2.errors import ErrorCodes
from support.http2_peer import Http2Peer
from support.hypercorn_server import serve_http2
from support.quiet_tunnel import quiet_options
from support.scripted_http2 import serve_scripted
from support.waiting import PATIENCE_S, until

from mix_fetch import mix_fetch
from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions
from mix_tunnel.tunnel import Tunnel


@pytest.fixture
async def network():
    hosts = {name: (ip_address("127.0.0.1"),) for name in ("demo.test", "other.test")}
    async with LocalNetwork(NetworkOptions(allow_local=True, hosts=hosts, dns="none")) as network:
        yield network


@pytest.fixture
async def tunnel(network):
    async with await Tunnel.connect(quiet_options(network)) as tunnel:
        yield tunnel


def tcp_flows(network) -> int:
    return network.exit.snapshot()["flows"].get("tcp", 0)


async def test_twenty_requests_over_one_tls_connection(network, tunnel):
    async with serve_http2() as server:
        waiting = [asyncio.create_task(mix_fetch(server.url("/wait"), tunnel=tunnel)) for _ in range(20)]
        await until(lambda: server.waiting == 20)
        assert tcp_flows(network) == 1
        server.open_gate.set()
        responses = await asyncio.gather(*waiting)
        assert {response.http_version for response in responses} == {"2"}
        assert [await response.text() for response in responses] == ["waited"] * 20
        assert (len(server.peers), server.handshakes, tcp_flows(network)) == (1, 1, 1)


async def test_a_megabyte_each_way_beside_small_requests(network, tunnel):
    async with serve_http2() as server:
        body = bytes(1_000_000)
        big = [mix_fetch(server.url("/echo"), method="POST", body=body, tunnel=tunnel)]
        small = [mix_fetch(server.url(f"/bytes/{n}"), tunnel=tunnel) for n in range(10)]
        answers = [await response.bytes() for response in await asyncio.gather(*big, *small)]
        assert [len(answer) for answer in answers] == [1_000_000, *range(10)]
        assert tcp_flows(network) == 1


async def test_abort_one_among_many(network, tunnel):
    async with serve_http2() as server:
        endless = await mix_fetch(server.url("/endless"), tunnel=tunnel)
        waiting = [asyncio.create_task(mix_fetch(server.url("/wait"), tunnel=tunnel)) for _ in range(5)]
        await until(lambda: server.waiting == 5)
        assert await anext(aiter(endless))
        await endless.aclose()
        waiting[0].cancel()
        await until(lambda: sorted(server.aborted) == ["/endless", "/wait"])
        server.open_gate.set()
        responses = await asyncio.gather(*waiting[1:])
        assert [await response.text() for response in responses] == ["waited"] * 4
        assert (server.handshakes, tcp_flows(network)) == (1, 1)


async def test_a_new_connection_takes_the_tls_session_up(network, tunnel):
    async with serve_http2() as server, serve_http2("other.test") as other:
        for site in (server, other, server):
            response = await mix_fetch(site.url("/version"), tunnel=tunnel)
            assert (await response.json())["version"] == "2"
            await until(lambda: tunnel.http.transport.pool._idle)
            for idle in list(tunnel.http.transport.pool._idle):
                idle.connection.abort()  # as if it had expired
            await until(lambda: not tunnel.http.transport.pool.open)
        assert (server.handshakes, server.resumed) == (2, 1)
        assert (other.handshakes, other.resumed) == (1, 0)


async def test_a_server_that_says_goodbye(network, tunnel):
    async def talk(peer: Http2Peer, number: int) -> None:
        if number == 1:
            streams = [(await peer.request())[0] for _ in range(3)]
            await peer.answer(streams[0], b"1")
            peer.h2.close_connection(ErrorCodes.NO_ERROR, last_stream_id=streams[0])
            await peer.flush()
        while True:
            stream_id, _ = await peer.request()
            await peer.answer(stream_id, str(number).encode())

    async with serve_scripted(talk) as server:
        posts = (mix_fetch(server.url(), method="POST", body="x", tunnel=tunnel) for _ in range(3))
        responses = await asyncio.gather(*posts)
        assert sorted([await response.text() for response in responses]) == ["1", "2", "2"]
        assert server.connections == 2


async def test_closing_the_tunnel_leaves_no_flow(network, tunnel):
    async with serve_http2() as server:
        waiting = asyncio.create_task(mix_fetch(server.url("/wait"), tunnel=tunnel))
        await until(lambda: server.waiting)
        await tunnel.close()
        done, _ = await asyncio.wait({waiting}, timeout=PATIENCE_S)
        assert waiting in done
        assert waiting.exception() is not None
