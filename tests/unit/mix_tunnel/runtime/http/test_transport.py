"""Which connection a request takes: HTTP/2 or HTTP/1.1, new or kept, and what happens when it fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from h2.errors import ErrorCodes
from support.http2_peer import Http2Peer, read_all
from support.http_server import serve_answers
from support.hypercorn_server import serve_http2
from support.kernel import ConnectionFailed, KernelNetwork, KernelStream
from support.name_server import serve_names, zone
from support.scripted_http2 import AsyncioStream, serve_scripted
from support.tls_server import authority, certificate, pem_of, serve, server_context
from support.waiting import until

from mix_protocol.errors import Closed
from mix_tunnel.runtime.dns.resolver import Resolver, ResolverOptions
from mix_tunnel.runtime.http.errors import (
    ClientClosed,
    HttpConnectTimedOut,
    NoResponse,
    PoolTimedOut,
    ResponseTimedOut,
    WriteTimedOut,
)
from mix_tunnel.runtime.http.http2 import Http2Connection
from mix_tunnel.runtime.http.http2.errors import Http11Required, NotProcessed
from mix_tunnel.runtime.http.options import HttpOptions
from mix_tunnel.runtime.http.request import HttpRequest, HttpTimeouts, prepare
from mix_tunnel.runtime.http.transport import MAX_REFUSALS, HttpTransport
from mix_tunnel.runtime.tls import TlsSettings
from mix_tunnel.runtime.tls_errors import WrongHost

NAMES = {"demo.test": "127.0.0.1", "other.test": "127.0.0.1"}


class Harness:
    def __init__(self, transport: HttpTransport, network: KernelNetwork) -> None:
        self.transport = transport
        self.network = network

    async def send(self, url: str, method: str = "GET", *, timeouts=None, **options):
        request = prepare(HttpRequest(method, url, **options))
        return await self.transport.send(request, timeouts or HttpTimeouts(response_s=60, idle_s=60))

    async def get(self, url: str, method: str = "GET", **options) -> tuple[int, str, bytes]:
        response = await self.send(url, method, **options)
        return response.head.status, response.head.http_version, await read_all(response)

    def start(self, *arguments, **options) -> asyncio.Task:
        return asyncio.create_task(self.get(*arguments, **options))

    def connections(self, kind: type) -> int:
        return sum(isinstance(idle.connection, kind) for idle in self.transport.pool._idle)


@asynccontextmanager
async def harness_for(
    options: HttpOptions | None = None, network: KernelNetwork | None = None
) -> AsyncIterator[Harness]:
    network = network or KernelNetwork()
    async with serve_names(zone(NAMES)) as server:
        resolver = Resolver(network, ResolverOptions((server.server,)))
        transport = HttpTransport(resolver, network, TlsSettings([pem_of(authority())]), options or HttpOptions())
        try:
            yield Harness(transport, network)
        finally:
            await transport.aclose()


class GatedNetwork(KernelNetwork):
    """A network where connecting waits for the test."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.attempts = 0
        self.cancelled = 0
        self.refuse = False

    async def connect_tcp(self, ip, port) -> KernelStream:
        self.attempts += 1
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.refuse:
            raise ConnectionFailed
        return await super().connect_tcp(ip, port)


async def answer_all(peer: Http2Peer, number: int) -> None:
    while True:
        stream_id, _ = await peer.request()
        await peer.answer(stream_id, str(number).encode())


# --- one connection for all


async def test_twenty_requests_at_once_share_one_connection():
    async with harness_for() as harness, serve_http2() as server:
        answers = await asyncio.gather(*(harness.get(server.url(f"/bytes/{n * 1_000}")) for n in range(20)))
        assert [(status, version, len(body)) for status, version, body in answers] == [
            (200, "2", n * 1_000) for n in range(20)
        ]
        assert (len(server.peers), server.handshakes, len(harness.network.streams)) == (1, 1, 1)
        assert (harness.transport.pool.open, harness.connections(Http2Connection)) == (1, 1)


async def test_an_idle_connection_is_used_again():
    async with harness_for() as harness, serve_http2() as server:
        for _ in range(3):
            assert (await harness.get(server.url("/version")))[1] == "2"
        assert server.handshakes == 1


async def test_an_idle_connection_expires():
    async with harness_for(HttpOptions(keep_alive_s=0.05)) as harness, serve_http2() as server:
        await harness.get(server.url("/version"))
        await until(lambda: not harness.transport.pool.open)
        assert (await harness.get(server.url("/version")))[1] == "2"
        assert server.handshakes == 2


async def test_big_bodies_both_ways_at_the_same_time():
    body = bytes(1_500_000)  # more than any window
    async with harness_for() as harness, serve_http2() as server:
        uploads = [harness.get(server.url("/echo"), "POST", body=body) for _ in range(3)]
        downloads = [harness.get(server.url(f"/bytes/{len(body)}")) for _ in range(3)]
        answers = await asyncio.gather(*uploads, *downloads)
        assert [len(answer) for _, _, answer in answers] == [len(body)] * 6
        assert server.handshakes == 1


async def test_abort_one_of_many():
    async with harness_for() as harness, serve_http2() as server:
        endless = await harness.send(server.url("/endless"))
        waiting = [harness.start(server.url("/wait")) for _ in range(5)]
        await until(lambda: server.waiting == 5)
        waiting[0].cancel()
        assert await endless.read()
        endless.abort()
        await until(lambda: sorted(server.aborted) == ["/endless", "/wait"])
        server.open_gate.set()
        assert [body for _, _, body in await asyncio.gather(*waiting[1:])] == [b"waited"] * 4
        assert server.handshakes == 1


async def test_the_servers_limit_of_streams_is_kept():
    async with harness_for() as harness, serve_http2(max_streams=3) as server:
        await harness.get(server.url("/version"))
        waiting = [harness.start(server.url("/wait")) for _ in range(10)]
        await until(lambda: server.waiting == 3)
        server.open_gate.set()
        assert [body for _, _, body in await asyncio.gather(*waiting)] == [b"waited"] * 10
        assert (len(server.peers), server.handshakes) == (1, 1)


async def test_headers_reach_a_real_server():
    async with harness_for() as harness, serve_http2() as server:
        _, _, body = await harness.get(server.url("/headers"), headers=[("X-Test", "é"), ("Cookie", "a=1; b=2")])
        got = dict(json.loads(body))
        assert (got["host"], got["x-test"], got["cookie"]) == (f"demo.test:{server.port}", "é", "a=1; b=2")


# --- HTTP/1.1 where there is no HTTP/2


async def test_without_http2_the_first_connection_tells_and_six_are_opened():
    async with harness_for() as harness, serve_http2(alpn=("http/1.1",)) as server:
        waiting = [harness.start(server.url("/wait")) for _ in range(8)]
        await until(lambda: server.waiting == 6)
        assert harness.transport.pool.open == 6
        server.open_gate.set()
        assert {version for _, version, _ in await asyncio.gather(*waiting)} == {"1.1"}
        assert server.handshakes == 6


async def test_a_server_without_alpn_speaks_http1():
    async def answer(conversation, received):
        await conversation.respond(body=b"plain")

    context = server_context(certificate("demo.test"))
    async with harness_for() as harness, serve_answers(answer, context) as server:
        server.host = "demo.test"
        assert await harness.get(server.url()) == (200, "1.1", b"plain")


async def test_plain_http_never_waits_for_a_first_connection():
    network = GatedNetwork()

    async def answer(conversation, received):
        await conversation.respond(body=b"plain")

    async with harness_for(network=network) as harness, serve_answers(answer) as server:
        waiting = [harness.start(server.url()) for _ in range(3)]
        await until(lambda: network.attempts == 3)
        network.gate.set()
        assert [body for _, _, body in await asyncio.gather(*waiting)] == [b"plain"] * 3


# --- opening for all who wait


async def test_while_the_first_connection_is_opened_the_others_wait():
    network = GatedNetwork()
    async with harness_for(network=network) as harness, serve_http2() as server:
        waiting = [harness.start(server.url("/version")) for _ in range(6)]
        await until(lambda: network.attempts)
        waiting[0].cancel()  # whoever came first may leave
        network.gate.set()
        assert {version for _, version, _ in await asyncio.gather(*waiting[1:])} == {"2"}
        assert (network.attempts, server.handshakes) == (1, 1)


async def test_when_all_have_left_nothing_is_opened():
    network = GatedNetwork()
    async with harness_for(network=network) as harness, serve_http2() as server:
        waiting = [harness.start(server.url("/version")) for _ in range(3)]
        await until(lambda: network.attempts)
        for task in waiting:
            task.cancel()
        await until(lambda: network.cancelled)
        assert harness.transport.pool.open == 0
        network.gate.set()
        assert (await harness.get(server.url("/version")))[1] == "2"
        assert (network.attempts, server.handshakes) == (2, 1)


async def test_a_failure_is_told_to_all_who_wait_for_it():
    network = GatedNetwork()
    network.refuse = True
    async with harness_for(network=network) as harness, serve_http2() as server:
        waiting = [harness.start(server.url("/version")) for _ in range(3)]
        await until(lambda: network.attempts)
        network.gate.set()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(result) for result in results] == [ConnectionFailed] * 3
        assert network.attempts == 1
        network.refuse = False
        assert (await harness.get(server.url("/version")))[1] == "2"


async def test_a_wrong_certificate_is_told_to_all():
    async with harness_for() as harness, serve_http2() as server:
        url = server.url("/version").replace("demo.test", "other.test")
        results = await asyncio.gather(*(harness.get(url) for _ in range(3)), return_exceptions=True)
        assert [type(result) for result in results] == [WrongHost] * 3
        assert server.requests == []


async def test_each_waits_as_long_as_it_likes():
    network = GatedNetwork()
    async with harness_for(network=network) as harness, serve_http2() as server:
        patient = harness.start(server.url("/version"))
        with pytest.raises(HttpConnectTimedOut):
            await harness.get(server.url("/version"), timeouts=HttpTimeouts(connect_s=0.05))
        network.gate.set()
        assert (await patient)[1] == "2"


async def test_closing_turns_those_who_wait_away():
    network = GatedNetwork()
    async with harness_for(network=network) as harness, serve_http2() as server:
        waiting = [harness.start(server.url("/version")) for _ in range(2)]
        await until(lambda: network.attempts)
        await harness.transport.aclose()
        for task in waiting:
            with pytest.raises(Closed):
                await task
        with pytest.raises(ClientClosed):
            await harness.get(server.url("/version"))


@pytest.mark.parametrize("moments", range(4))
async def test_closing_in_the_first_moments(moments):
    network = GatedNetwork()
    async with harness_for(network=network) as harness, serve_http2() as server:
        task = harness.start(server.url())
        for _ in range(moments):
            await asyncio.sleep(0)
        await harness.transport.aclose()
        with pytest.raises(ClientClosed):
            await asyncio.wait_for(task, 60)


async def test_a_connection_that_opens_after_the_end_is_not_used():
    async def answer(conversation, received):
        await conversation.respond()

    network = GatedNetwork()
    async with harness_for(network=network) as harness, serve_answers(answer) as server:
        task = harness.start(server.url())
        await until(lambda: network.attempts)
        await harness.transport.aclose()
        network.gate.set()
        with pytest.raises(ClientClosed):
            await task
        assert [stream.aborted for stream in network.streams] == [True]
        assert server.requests == []


async def test_closing_fails_what_is_under_way():
    async with harness_for() as harness, serve_http2() as server:
        waiting = [harness.start(server.url("/wait")) for _ in range(3)]
        await until(lambda: server.waiting == 3)
        await harness.transport.aclose()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(result) for result in results] == [ClientClosed] * 3


async def test_waiting_for_a_place_has_its_limit():
    async with (
        harness_for(HttpOptions(in_all=1)) as harness,
        serve_http2() as server,
        serve_http2("other.test") as other,
    ):
        waiting = harness.start(server.url("/wait"))
        await until(lambda: server.waiting)
        with pytest.raises(PoolTimedOut):
            await harness.get(other.url("/version"), timeouts=HttpTimeouts(pool_s=0.05))
        queued = harness.start(other.url("/version"))
        server.open_gate.set()
        assert (await waiting)[2] == b"waited"
        assert (await queued)[1] == "2"


async def test_waiting_for_a_place_has_its_limit_in_http1_too():
    options = HttpOptions(per_origin=1)
    async with harness_for(options) as harness, serve_http2(alpn=("http/1.1",)) as server:
        waiting = harness.start(server.url("/wait"))
        await until(lambda: server.waiting)
        with pytest.raises(PoolTimedOut):
            await harness.get(server.url("/version"), timeouts=HttpTimeouts(pool_s=0.05))
        server.open_gate.set()
        await waiting


async def test_http1_a_server_that_takes_no_more():
    async def silent(reader, writer):
        await asyncio.sleep(60)

    async with harness_for() as harness, serve(silent) as port:
        body, timeouts = bytes(30_000_000), HttpTimeouts(write_s=0.2)
        with pytest.raises(WriteTimedOut):
            await harness.get(f"http://demo.test:{port}/", "POST", body=body, timeouts=timeouts)
        assert harness.transport.pool.open == 0


async def test_http1_the_time_for_the_answer_counts_from_the_last_piece_of_the_body():
    async def pieces():
        for _ in range(12):
            yield b"piece"
            await asyncio.sleep(0.25)

    async def answer(conversation, received):
        await conversation.respond(body=received.body)

    async with harness_for() as harness, serve_answers(answer) as server:
        answered = await harness.get(server.url(), "POST", body=pieces(), timeouts=HttpTimeouts(response_s=2.5))
        assert answered[2] == b"piece" * 12


async def test_http1_silence_on_a_kept_connection_is_not_tried_again():
    async def answer(conversation, received):
        if received.target == "/first":
            await conversation.respond()
        else:
            await asyncio.sleep(60)

    async with harness_for() as harness, serve_answers(answer) as server:
        await harness.get(server.url("/first"))
        with pytest.raises(ResponseTimedOut):
            await harness.get(server.url("/second"), timeouts=HttpTimeouts(response_s=1))
        assert len(server.requests) == 2


# --- sent once more


async def test_a_refused_request_is_sent_once_more():
    refused = 0

    async def talk(peer: Http2Peer, number: int) -> None:
        nonlocal refused
        stream_id, _ = await peer.request()
        peer.h2.reset_stream(stream_id, ErrorCodes.REFUSED_STREAM)
        refused += 1
        await peer.flush()
        await answer_all(peer, number)

    async with harness_for() as harness, serve_scripted(talk) as server:
        assert await harness.get(server.url(), "POST", body=b"once") == (200, "2", b"1")
        assert (refused, server.connections) == (1, 1)


async def test_a_request_that_is_always_refused_fails():
    refused = 0

    async def talk(peer: Http2Peer, number: int) -> None:
        nonlocal refused
        while True:
            stream_id, _ = await peer.request()
            refused += 1
            peer.h2.reset_stream(stream_id, ErrorCodes.REFUSED_STREAM)
            await peer.flush()

    async with harness_for() as harness, serve_scripted(talk) as server:
        with pytest.raises(NotProcessed):
            await harness.get(server.url())
        assert (refused, server.connections) == (1 + MAX_REFUSALS, 1)


async def test_a_burst_at_a_server_whose_connections_take_few_requests():
    async def talk(peer: Http2Peer, number: int) -> None:
        streams = [(await peer.request())[0] for _ in range(2)]
        for stream_id in streams:
            await peer.answer(stream_id, b"x")
        peer.h2.close_connection(last_stream_id=streams[-1])
        await peer.flush()
        await peer.request()

    async with harness_for() as harness, serve_scripted(talk) as server:
        answers = await asyncio.gather(*(harness.get(server.url(), "POST", body=b"x") for _ in range(8)))
        assert [body for _, _, body in answers] == [b"x"] * 8
        assert server.connections == 4


async def test_goodbye_moves_what_was_not_processed_to_a_new_connection():
    async def talk(peer: Http2Peer, number: int) -> None:
        if number > 1:
            await answer_all(peer, number)
        streams = [(await peer.request())[0] for _ in range(3)]
        await peer.answer(streams[0], b"1")
        peer.h2.close_connection(last_stream_id=streams[0])
        await peer.flush()
        await asyncio.sleep(10)

    async with harness_for() as harness, serve_scripted(talk) as server:
        answers = await asyncio.gather(*(harness.get(server.url(), "POST", body=b"x") for _ in range(3)))
        assert sorted(body for _, _, body in answers) == [b"1", b"2", b"2"]
        assert server.connections == 2


async def test_a_kept_connection_that_died_is_replaced():
    async def talk(peer: Http2Peer, number: int) -> None:
        if number > 1:
            await answer_all(peer, number)
        stream_id, _ = await peer.request()
        await peer.answer(stream_id, b"1")
        await peer.request()
        peer.stream.abort()

    async with harness_for() as harness, serve_scripted(talk) as server:
        assert (await harness.get(server.url()))[2] == b"1"
        assert (await harness.get(server.url()))[2] == b"2"
        assert server.connections == 2


async def test_a_post_on_a_connection_that_dies_is_not_sent_again():
    async def talk(peer: Http2Peer, number: int) -> None:
        stream_id, _ = await peer.request()
        await peer.answer(stream_id, b"1")
        await peer.request()
        peer.stream.abort()

    async with harness_for() as harness, serve_scripted(talk) as server:
        await harness.get(server.url())
        with pytest.raises(NoResponse):
            await harness.get(server.url(), "POST", body=b"pay")
        assert server.connections == 1


async def test_a_server_that_always_dies_is_tried_twice():
    async def talk(peer: Http2Peer, number: int) -> None:
        if number == 1:
            stream_id, _ = await peer.request()
            await peer.answer(stream_id, b"1")
        await peer.request()
        peer.stream.abort()

    async with harness_for() as harness, serve_scripted(talk) as server:
        await harness.get(server.url())
        with pytest.raises(NoResponse):
            await harness.get(server.url())
        assert server.connections == 2


async def test_http1_where_the_server_requires_it():
    async def talk(peer: Http2Peer, number: int) -> None:
        while True:
            stream_id, _ = await peer.request()
            peer.h2.reset_stream(stream_id, ErrorCodes.HTTP_1_1_REQUIRED)
            await peer.flush()

    async with harness_for() as harness, serve_scripted(talk) as server:
        assert await harness.get(server.url()) == (200, "1.1", b"old")
        assert server.alpn == ["h2", "http/1.1"]


async def test_http1_is_required_but_the_body_is_gone():
    async def pieces():
        yield b"once"

    async def talk(peer: Http2Peer, number: int) -> None:
        stream_id, _ = await peer.request()
        peer.h2.reset_stream(stream_id, ErrorCodes.HTTP_1_1_REQUIRED)
        await peer.flush()
        await asyncio.sleep(10)

    async with harness_for() as harness, serve_scripted(talk) as server:
        with pytest.raises(Http11Required):
            await harness.get(server.url(), "POST", body=pieces())


async def test_a_server_that_learns_http2_is_believed():
    offered = ["http/1.1"]
    context = server_context(certificate("demo.test"), alpn=offered)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2":
            await answer_all(Http2Peer(AsyncioStream(reader, writer)), 2)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nold")

    async with harness_for() as harness, serve(handle, context) as port:
        url = f"https://demo.test:{port}/"
        assert await harness.get(url) == (200, "1.1", b"old")
        context.set_alpn_protocols(["h2", "http/1.1"])
        assert await harness.get(url) == (200, "2", b"2")
        assert (await harness.get(url))[1] == "2"


# --- TLS sessions


@pytest.mark.parametrize("alpn", [("h2", "http/1.1"), ("http/1.1",)])
async def test_a_new_connection_takes_the_tls_session_up(alpn):
    async with harness_for(HttpOptions(keep_alive_s=0.02)) as harness, serve_http2(alpn=alpn) as server:
        for _ in range(3):
            await harness.get(server.url("/version"))
            await until(lambda: not harness.transport.pool.open)
        assert (server.handshakes, server.resumed) == (3, 2)
