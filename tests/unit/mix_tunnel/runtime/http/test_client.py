"""The HTTP client against real servers on loopback."""

from __future__ import annotations

import asyncio
import gc
import hashlib
from contextlib import asynccontextmanager
from ipaddress import IPv4Address

import pytest
from support.http_server import serve_answers, serve_conversations
from support.kernel import ConnectionFailed, KernelNetwork
from support.name_server import serve_names, zone
from support.tls_server import authority, certificate, pem_of, server_context
from support.waiting import until

from mix_tunnel.runtime.dns.errors import NameNotFound
from mix_tunnel.runtime.dns.resolver import Resolver, ResolverOptions
from mix_tunnel.runtime.http.client import HttpClient
from mix_tunnel.runtime.http.errors import (
    BadBody,
    BadRedirect,
    BodyCut,
    BodyNotReplayable,
    ClientClosed,
    HeadTooLarge,
    HttpConnectTimedOut,
    IdleTimedOut,
    MalformedResponse,
    NoResponse,
    RedirectRefused,
    ResponseClosed,
    ResponseTimedOut,
    TooManyRedirects,
)
from mix_tunnel.runtime.http.options import HttpOptions
from mix_tunnel.runtime.http.request import HttpRequest, HttpTimeouts
from mix_tunnel.runtime.tls import TlsSettings
from mix_tunnel.runtime.tls_errors import UnknownIssuer, WrongHost

BODY = hashlib.shake_256(b"body").digest(300_000)


class Harness:
    def __init__(self, network: KernelNetwork, client: HttpClient) -> None:
        self.network = network
        self.client = client

    async def fetch(self, url, method="GET", headers=(), body=None, redirect="follow", timeouts=None):
        return await self.client.fetch(HttpRequest(method, url, headers, body, redirect, timeouts))

    async def get(self, url, **keywords):
        response = await self.fetch(url, **keywords)
        return response.status, await read_all(response)


async def read_all(response) -> bytes:
    data = bytearray()
    while piece := await response.read():
        data += piece
    return bytes(data)


@asynccontextmanager
async def client_for(options=None, *, names=None, network=None):
    network = network or KernelNetwork()
    async with serve_names(zone(names or {"demo.test": "127.0.0.1"})) as server:
        resolver = Resolver(network, ResolverOptions((server.server,)))
        tls = TlsSettings([pem_of(authority())])
        client = HttpClient(resolver, network, tls, options)
        try:
            yield Harness(network, client)
        finally:
            await client.aclose()


async def echo(conversation, received):
    await conversation.respond(body=received.body, X_Method=received.method, X_Target=received.target)


def always(data):
    async def answer(conversation, received):
        await conversation.send(data)

    return answer


async def turns(count=20):
    """Let other tasks run."""
    for _ in range(count):
        await asyncio.sleep(0)


# --- the plain way


async def test_a_get():
    async with client_for() as harness, serve_answers(echo) as server:
        response = await harness.fetch(server.url("/a?b#c"))
        assert (response.status, response.reason, response.http_version) == (200, "Reason", "1.1")
        assert response.header("x-target") == "/a?b"
        assert response.url == server.url("/a?b")
        assert not response.redirected
        assert response.content_length == 0
        assert await response.read() == b""
        assert server.requests[0].headers["host"] == f"127.0.0.1:{server.port}"


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 300_000])
async def test_bodies_come_back_whole(size):
    async with client_for() as harness, serve_answers(echo) as server:
        assert await harness.get(server.url(), method="POST", body=BODY[:size]) == (200, BODY[:size])
        assert server.requests[0].headers["content-length"] == str(size)


async def test_a_streamed_body_is_sent_in_chunks():
    async def pieces():
        for start in range(0, len(BODY), 10_000):
            yield BODY[start : start + 10_000]
        yield b""

    async with client_for() as harness, serve_answers(echo) as server:
        assert await harness.get(server.url(), method="PUT", body=pieces()) == (200, BODY)
        assert server.requests[0].headers["transfer-encoding"] == "chunked"
        assert harness.client.transport.pool.idle == 1


async def test_repeated_headers_are_kept():
    async def answer(conversation, received):
        await conversation.send(b"HTTP/1.1 204 No Content\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nX: \xe9\r\n\r\n")

    async with client_for() as harness, serve_answers(answer) as server:
        response = await harness.fetch(server.url())
        assert response.headers == [("Set-Cookie", "a=1"), ("set-cookie", "b=2"), ("X", "é")]
        assert await response.read() == b""


async def test_pieces_of_the_wanted_size():
    async with client_for() as harness, serve_answers(echo) as server:
        response = await harness.fetch(server.url(), method="POST", body=b"abcdefgh")
        assert [await response.read(3) for _ in range(4)] == [b"abc", b"def", b"gh", b""]


async def test_iteration():
    async with client_for() as harness, serve_answers(echo) as server:
        response = await harness.fetch(server.url(), method="POST", body=BODY)
        assert b"".join([piece async for piece in response]) == BODY


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabcde",
        b"HTTP/1.0 200 OK\r\n\r\nabcde",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde",
        b"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde",
        b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nabcde",
    ],
)
@pytest.mark.parametrize("bytewise", [False, True])
async def test_every_kind_of_framing(answer, bytewise):
    async def talk(conversation):
        await conversation.request()
        for piece in [bytes([byte]) for byte in answer] if bytewise else [answer]:
            await conversation.send(piece)
            await asyncio.sleep(0)

    async with client_for() as harness, serve_conversations(talk) as server:
        assert await harness.get(server.url()) == (200, b"abcde")


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n"),
    ],
)
async def test_answers_without_a_body_keep_their_connection(method, answer):
    async with (
        client_for() as harness,
        serve_answers(always(answer)) as server,
    ):
        for _ in range(2):
            response = await harness.fetch(server.url(), method=method)
            assert await response.read() == b""
        assert server.connections == 1


# --- names and TLS


async def test_https_by_name():
    context = server_context(certificate("demo.test"), alpn=["http/1.1"])
    async with client_for() as harness, serve_answers(echo, context) as server:
        server.host = "demo.test"
        assert await harness.get(server.url(), method="POST", body=BODY) == (200, BODY)
        assert await harness.get(server.url()) == (200, b"")
        assert server.connections == 1
        assert server.requests[0].headers["host"] == f"demo.test:{server.port}"


async def test_certificates_are_verified():
    async with client_for(names={"demo.test": "127.0.0.1", "other.test": "127.0.0.1"}) as harness:
        async with serve_answers(echo, server_context(certificate("demo.test"))) as server:
            server.host = "other.test"
            with pytest.raises(WrongHost):
                await harness.get(server.url())
        async with serve_answers(echo, server_context(certificate("demo.test", ca="a stranger"))) as server:
            server.host = "demo.test"
            with pytest.raises(UnknownIssuer):
                await harness.get(server.url())
            assert server.requests == []
        assert harness.client.transport.pool.open == 0


async def test_unknown_names_and_refused_ports():
    async with client_for() as harness:
        with pytest.raises(NameNotFound):
            await harness.get("http://nowhere.test/")
        async with serve_answers(echo) as server:
            pass
        with pytest.raises(ConnectionFailed):
            await harness.get(server.url())
        assert harness.client.transport.pool.open == 0


async def test_further_addresses_are_tried():
    class Network(KernelNetwork):
        async def connect_tcp(self, ip, port):
            if ip == IPv4Address("192.0.2.1"):
                raise ConnectionFailed
            return await super().connect_tcp(ip, port)

    class TwoAddresses:
        async def lookup(self, name):
            return [IPv4Address("192.0.2.1"), IPv4Address("127.0.0.1")]

    client = HttpClient(TwoAddresses(), Network())  # type: ignore[arg-type]
    async with serve_answers(echo) as server:
        response = await client.fetch(HttpRequest("GET", f"http://a.test:{server.port}/"))
        assert response.status == 200
        await client.aclose()


# --- keep-alive


async def test_one_connection_serves_request_after_request():
    async with client_for() as harness, serve_answers(echo) as server:
        for number in range(5):
            await harness.get(server.url(f"/{number}"))
        assert server.connections == 1
        assert [received.connection for received in server.requests] == [1] * 5


async def test_requests_at_the_same_time_have_their_own_connections_up_to_the_limit():
    async with client_for(HttpOptions(per_origin=3)) as harness, serve_answers(echo) as server:
        answers = await asyncio.gather(*(harness.get(server.url(), method="POST", body=BODY) for _ in range(10)))
        assert answers == [(200, BODY)] * 10
        assert server.connections == 3


async def test_a_connection_is_used_again_only_when_the_answer_was_read():
    async with client_for() as harness, serve_answers(echo) as server:
        response = await harness.fetch(server.url(), method="POST", body=BODY)
        await harness.get(server.url())
        assert server.connections == 2
        assert await read_all(response) == BODY
        await harness.get(server.url())
        assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na",
        b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged",
    ],
)
async def test_connections_that_can_not_be_used_again(answer):
    async with (
        client_for() as harness,
        serve_answers(always(answer)) as server,
    ):
        for _ in range(2):
            assert await harness.get(server.url()) == (200, b"a")
        assert server.connections == 2


async def test_an_idle_connection_closed_by_the_server_is_not_used():
    async def answer(conversation, received):
        await conversation.respond()
        conversation.writer.close()

    async with client_for() as harness, serve_answers(answer) as server:
        for number in range(1, 4):
            assert await harness.get(server.url(), method="POST", body=b"x") == (200, b"")
            while harness.client.transport.pool.open:  # noqa: ASYNC110 - the pool has no event for this
                await asyncio.sleep(0.001)
            assert server.connections == number


async def test_an_idle_connection_is_closed_after_a_while():
    closed = asyncio.Event()

    async def talk(conversation):
        await conversation.request()
        await conversation.respond()
        assert await conversation.reader.read() == b""
        closed.set()

    async with client_for(HttpOptions(keep_alive_s=0.5)) as harness, serve_conversations(talk) as server:
        await harness.get(server.url())
        assert harness.client.transport.pool.idle == 1
        await closed.wait()
        assert harness.client.transport.pool.open == 0


@pytest.mark.parametrize("reset", [False, True])
async def test_a_dead_connection_is_found_out_and_the_request_sent_again(reset):
    """The server closes just when the second request arrives: too late for the watcher."""

    async def talk(conversation):
        await conversation.request()
        await conversation.respond(body=b"%d" % conversation.number)
        await conversation.request()
        if conversation.number == 1:
            if reset:
                conversation.writer.transport.abort()
            return
        await conversation.respond(body=b"again")

    async with client_for() as harness, serve_conversations(talk) as server:
        assert await harness.get(server.url()) == (200, b"1")
        assert await harness.get(server.url()) == (200, b"2")
        assert await harness.get(server.url()) == (200, b"again")


@pytest.mark.parametrize("size", [1, 300_000])
@pytest.mark.parametrize("reset", [False, True])
async def test_a_post_on_a_kept_connection_that_gave_no_byte_is_sent_again(reset, size):
    """As browsers and curl do: a server that closes an idle connection has not seen it."""

    async def talk(conversation):
        await conversation.request()
        await conversation.respond(body=b"%d" % conversation.number)
        if conversation.number == 1:
            await conversation.head()
            if reset:
                conversation.writer.transport.abort()

    async with client_for() as harness, serve_conversations(talk) as server:
        await harness.get(server.url())
        assert await harness.get(server.url(), method="POST", body=bytes(size)) == (200, b"2")


async def test_a_post_whose_answer_had_begun_is_not_sent_again():
    async def talk(conversation):
        await conversation.request()
        await conversation.respond()
        await conversation.request()
        await conversation.send(b"HTTP/1.1 20")

    async with client_for() as harness, serve_conversations(talk) as server:
        await harness.get(server.url())
        with pytest.raises(NoResponse):
            await harness.get(server.url(), method="POST", body=b"x")
        assert server.connections == 1


async def test_a_streamed_body_takes_a_new_connection():
    """It could not be sent again if a kept one turned out to be dead."""

    async def pieces():
        yield b"x"

    async def talk(conversation):
        while True:
            await conversation.request()
            await conversation.respond(body=b"%d" % conversation.number)

    async with client_for() as harness, serve_conversations(talk) as server:
        assert await harness.get(server.url()) == (200, b"1")
        assert await harness.get(server.url(), method="POST", body=pieces()) == (200, b"2")
        assert await harness.get(server.url(), method="POST", body=b"x") == (200, b"2")


@pytest.mark.parametrize(
    ("hint", "connections"), [("timeout=0", 3), ("timeout=60, max=100", 1), ("max=100", 1), ("x", 1)]
)
async def test_a_servers_own_hint_for_how_long_it_keeps_a_connection(hint, connections):
    async def talk(conversation):
        while True:
            await conversation.request()
            await conversation.respond(Keep_Alive=hint)

    async with client_for() as harness, serve_conversations(talk) as server:
        for _ in range(3):
            await harness.get(server.url())
        assert server.connections == connections


async def test_a_new_connection_that_dies_is_not_tried_again():
    async def talk(conversation):
        await conversation.request()

    async with client_for() as harness, serve_conversations(talk) as server:
        with pytest.raises(NoResponse):
            await harness.get(server.url())
        assert server.connections == 1


# --- redirects


def redirecting(targets):
    async def answer(conversation, received):
        if received.target in targets:
            status, location = targets[received.target]
            await conversation.respond(status, b"moved", Location=location)
        else:
            await conversation.respond(body=f"{received.method} {received.target}".encode())

    return answer


async def test_redirects_are_followed_over_one_connection():
    targets = {"/a": (301, "/b"), "/b": (308, "c?d"), "/c?d": (302, "/e#f")}
    async with client_for() as harness, serve_answers(redirecting(targets)) as server:
        response = await harness.fetch(server.url("/a"))
        assert await read_all(response) == b"GET /e"
        assert response.redirected
        assert response.url == server.url("/e")
        assert server.connections == 1


@pytest.mark.parametrize(("status", "line"), [(303, b"GET /b"), (302, b"GET /b"), (307, b"POST /b"), (308, b"POST /b")])
async def test_the_method_of_a_redirected_post(status, line):
    async with client_for() as harness, serve_answers(redirecting({"/a": (status, "/b")})) as server:
        assert await harness.get(server.url("/a"), method="POST", body=b"data") == (200, line)
        assert server.requests[1].body == (b"data" if line.startswith(b"POST") else b"")


async def test_manual_and_error():
    async with client_for() as harness, serve_answers(redirecting({"/a": (302, "/b")})) as server:
        response = await harness.fetch(server.url("/a"), redirect="manual")
        assert (response.status, response.header("location"), response.redirected) == (302, "/b", False)
        assert await read_all(response) == b"moved"
        with pytest.raises(RedirectRefused):
            await harness.fetch(server.url("/a"), redirect="error")
        assert await harness.get(server.url("/x"), redirect="error") == (200, b"GET /x")


async def test_manual_and_error_do_not_care_where_to():
    async with client_for() as harness, serve_answers(redirecting({"/a": (302, "ftp://x.test/")})) as server:
        response = await harness.fetch(server.url("/a"), redirect="manual")
        assert (response.status, response.header("location")) == (302, "ftp://x.test/")
        with pytest.raises(RedirectRefused):
            await harness.fetch(server.url("/a"), redirect="error")


async def test_too_many_redirects():
    async with (
        client_for(HttpOptions(max_redirects=3)) as harness,
        serve_answers(redirecting({"/a": (302, "/a")})) as server,
    ):
        with pytest.raises(TooManyRedirects):
            await harness.fetch(server.url("/a"))
        assert len(server.requests) == 4


async def test_a_redirect_elsewhere_takes_no_credentials_along():
    async with (
        client_for() as harness,
        serve_answers(echo) as other,
        serve_answers(redirecting({"/a": (302, other.url("/b")), "/same": (302, "/c")})) as server,
    ):
        headers = [("Authorization", "Bearer secret"), ("Cookie", "a=secret"), ("X-A", "1")]
        response = await harness.fetch(server.url("/a"), headers=headers)
        assert response.url == other.url("/b")
        assert not {"authorization", "cookie"} & other.requests[0].headers.keys()
        assert other.requests[0].headers["x-a"] == "1"
        await harness.get(server.url("/same"), headers=headers)
        assert server.requests[-1].headers["authorization"] == "Bearer secret"


async def test_a_redirect_that_leads_nowhere():
    async with client_for() as harness, serve_answers(redirecting({"/a": (302, "ftp://x.test/")})) as server:
        with pytest.raises(BadRedirect):
            await harness.fetch(server.url("/a"))
        assert harness.client.transport.pool.idle == 1  # the answer itself was whole


async def test_a_streamed_body_is_not_sent_again():
    async def pieces():
        yield b"data"

    async with client_for() as harness, serve_answers(redirecting({"/a": (307, "/b")})) as server:
        with pytest.raises(BodyNotReplayable):
            await harness.fetch(server.url("/a"), method="POST", body=pieces())


async def test_an_endless_redirect_body_is_not_read():
    async def answer(conversation, received):
        if received.target == "/a":
            await conversation.send(b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 100000000\r\n\r\n")
            while True:
                await conversation.send(bytes(65_536))
        await conversation.respond(body=b"there")

    async with client_for() as harness, serve_answers(answer) as server:
        assert await harness.get(server.url("/a")) == (200, b"there")
        assert server.connections == 2


# --- answers that are cut, broken or hostile


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ],
)
@pytest.mark.parametrize("reset", [False, True])
async def test_a_cut_body(answer, reset):
    read = asyncio.Event()

    async def talk(conversation):
        await conversation.request()
        await conversation.send(answer)
        await read.wait()
        if reset:
            conversation.writer.transport.abort()

    async with client_for() as harness, serve_conversations(talk) as server:
        response = await harness.fetch(server.url())
        assert await response.read() == b"abc"
        read.set()
        with pytest.raises(BodyCut):
            await response.read()
        assert harness.client.transport.pool.open == 0


async def test_tls_that_ends_without_goodbye_cuts_a_body_that_ends_with_the_connection():
    async def talk(conversation):
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc")
        conversation.writer.transport._ssl_protocol._transport.close()

    async with client_for() as harness, serve_conversations(talk, server_context(certificate("demo.test"))) as server:
        server.host = "demo.test"
        response = await harness.fetch(server.url())
        with pytest.raises(BodyCut):
            await read_all(response)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"\x00\x01\x02\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 101,
    ],
)
async def test_what_is_not_http(answer):
    async with (
        client_for() as harness,
        serve_answers(always(answer)) as server,
    ):
        with pytest.raises(MalformedResponse):
            await harness.get(server.url())
        assert harness.client.transport.pool.open == 0


async def test_broken_chunks():
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nxyz\r\n"
    async with (
        client_for() as harness,
        serve_answers(always(answer)) as server,
    ):
        response = await harness.fetch(server.url())
        assert await response.read() == b"abc"
        with pytest.raises(MalformedResponse):
            await response.read()


async def test_endless_headers():
    async def talk(conversation):
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            await conversation.send(b"X-Filler: " + b"a" * 1000 + b"\r\n")

    async with client_for() as harness, serve_conversations(talk) as server:
        with pytest.raises(HeadTooLarge):
            await harness.get(server.url())


async def test_large_but_honest_headers():
    async def answer(conversation, received):
        await conversation.respond(X_Large="a" * 100_000)

    async with client_for() as harness, serve_answers(answer) as server:
        assert len((await harness.fetch(server.url())).header("x-large")) == 100_000


async def test_a_head_that_is_cut():
    async def talk(conversation):
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-")

    async with client_for() as harness, serve_conversations(talk) as server:
        with pytest.raises(NoResponse):
            await harness.get(server.url())


# --- time limits


async def test_time_limits():
    async def talk(conversation):
        received = await conversation.request()
        if received.target == "/body":
            await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        await asyncio.Event().wait()

    class Silent(KernelNetwork):
        async def connect_tcp(self, ip, port):
            await asyncio.Event().wait()
            raise AssertionError

    async with client_for() as harness, serve_conversations(talk) as server:
        with pytest.raises(ResponseTimedOut):
            await harness.fetch(server.url("/head"), timeouts=HttpTimeouts(response_s=0.05))
        response = await harness.fetch(server.url("/body"), timeouts=HttpTimeouts(idle_s=0.05))
        assert await response.read() == b"abc"
        with pytest.raises(IdleTimedOut):
            await response.read()
        assert harness.client.transport.pool.open == 0
        async with client_for(network=Silent()) as silent:
            with pytest.raises(HttpConnectTimedOut):
                await silent.fetch("http://127.0.0.1:1/", timeouts=HttpTimeouts(connect_s=0.05))
            assert silent.client.transport.pool.open == 0


# --- giving up


async def ended_with_reset(conversation) -> bool:
    try:
        while await conversation.reader.read(65_536):
            pass
    except ConnectionResetError:
        return True
    return False


@pytest.mark.parametrize("how", ["close", "context", "cancel", "forget"])
async def test_giving_a_body_up_resets_the_connection(how):
    was_reset: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def talk(conversation):
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nabc")
        was_reset.set_result(await ended_with_reset(conversation))

    async with client_for() as harness, serve_conversations(talk) as server:
        response = await harness.fetch(server.url())
        assert await response.read() == b"abc"
        if how == "close":
            await response.aclose()
            with pytest.raises(ResponseClosed):
                await response.read()
        elif how == "context":
            async with response:
                pass
        elif how == "cancel":
            task = asyncio.create_task(response.read())
            await turns()
            task.cancel()
            await asyncio.wait({task})
        else:
            del response
            gc.collect()
        assert await was_reset
        assert harness.client.transport.pool.open == 0


async def test_giving_a_body_up_tells_who_reads_it():
    async def talk(conversation):
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        await ended_with_reset(conversation)

    async with client_for() as harness, serve_conversations(talk) as server:
        response = await harness.fetch(server.url())
        reading = asyncio.create_task(response.read())
        await turns()
        await response.aclose()
        with pytest.raises(ResponseClosed):
            await reading


async def test_cancelling_before_the_head_resets_the_connection():
    was_reset: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    asked = asyncio.Event()

    async def talk(conversation):
        await conversation.request()
        asked.set()
        was_reset.set_result(await ended_with_reset(conversation))

    async with client_for() as harness, serve_conversations(talk) as server:
        task = asyncio.create_task(harness.get(server.url()))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await was_reset
        assert harness.client.transport.pool.open == 0


async def test_closing_a_read_response_does_no_harm():
    async with client_for() as harness, serve_answers(echo) as server:
        async with await harness.fetch(server.url(), method="POST", body=b"x") as response:
            assert await response.read() == b"x"
        await harness.get(server.url())
        assert server.connections == 1


async def test_a_closed_client():
    started = asyncio.Event()

    async def answer(conversation, received):
        started.set()
        await asyncio.Event().wait()

    async with client_for(HttpOptions(per_origin=1)) as harness, serve_answers(answer) as server:
        active, waiting = (asyncio.create_task(harness.get(server.url())) for _ in range(2))
        await started.wait()
        await harness.client.aclose()
        with pytest.raises(ClientClosed):
            await waiting
        await asyncio.wait({active})
        assert active.exception() is not None
        with pytest.raises(ClientClosed):
            await harness.get(server.url())


# --- uploads


async def test_a_body_longer_or_shorter_than_announced():
    async def pieces():
        yield b"abc"

    async with client_for() as harness, serve_answers(echo) as server:
        for length in ("2", "4"):
            with pytest.raises(BadBody):
                await harness.fetch(server.url(), method="POST", headers=[("Content-Length", length)], body=pieces())
        assert await harness.get(server.url(), method="POST", headers=[("Content-Length", "3")], body=pieces()) == (
            200,
            b"abc",
        )
        assert harness.client.transport.pool.open == 1


async def test_an_error_in_the_callers_iterator_reaches_the_caller():
    async def pieces():
        yield b"abc"
        raise ZeroDivisionError

    async with client_for() as harness, serve_answers(echo) as server:
        with pytest.raises(ZeroDivisionError):
            await harness.fetch(server.url(), method="POST", body=pieces())
        assert harness.client.transport.pool.open == 0


async def test_a_body_that_comes_from_another_answer_may_be_cut():
    """Its failure is none of this connection, so there is nothing to wait for."""

    async def pieces():
        yield b"abc"
        raise BodyCut

    async with client_for() as harness, serve_answers(echo) as server:
        with pytest.raises(BodyCut):
            await harness.fetch(server.url(), method="POST", body=pieces())
        assert harness.client.transport.pool.open == 0


async def test_an_iterator_that_yields_no_bytes():
    async def pieces():
        yield "text"

    async with client_for() as harness, serve_answers(echo) as server:
        with pytest.raises(BadBody):
            await harness.fetch(server.url(), method="POST", body=pieces())


async def test_an_early_answer_ends_the_upload():
    produced = 0

    async def pieces():
        nonlocal produced
        while True:
            produced += 1
            yield bytes(65_536)

    async def talk(conversation):
        await conversation.head()
        await conversation.respond(413, b"too much")
        await asyncio.Event().wait()

    async with client_for() as harness, serve_conversations(talk) as server:
        assert await harness.get(server.url(), method="POST", body=pieces()) == (413, b"too much")
        await until(lambda: harness.client.transport.pool.open == 0)
        stopped_at = produced
        await turns(50)
        assert produced == stopped_at


async def test_an_early_answer_before_a_reset():
    async def talk(conversation):
        await conversation.head()
        await conversation.respond(413, b"too much")
        conversation.writer.write_eof()
        await conversation.reader.read(1000)

    async with client_for() as harness, serve_conversations(talk) as server:
        response = await harness.fetch(server.url(), method="POST", body=bytes(1_000_000))
        assert response.status == 413


async def test_both_directions_at_once():
    """A server that echoes while it reads would block for ever if we wrote everything before reading."""

    async def talk(conversation):
        received = await conversation.head()
        length = int(received.headers["content-length"])
        await conversation.send(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode())
        while length:
            data = await conversation.reader.read(65_536)
            await conversation.send(data)
            length -= len(data)

    body = bytes(8_000_000)
    async with client_for() as harness, serve_conversations(talk) as server:
        assert await harness.get(server.url(), method="POST", body=body) == (200, body)
        assert harness.client.transport.pool.idle == 1


# --- back-pressure


async def test_an_unread_answer_stops_the_server():
    sent = 0

    async def talk(conversation):
        nonlocal sent
        await conversation.request()
        conversation.writer.transport.set_write_buffer_limits(0)
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        while True:
            await conversation.send(bytes(65_536))
            sent += 65_536

    async with (
        client_for(network=KernelNetwork(receive_buffer_bytes=65_536)) as harness,
        serve_conversations(talk) as server,
    ):
        response = await harness.fetch(server.url())
        before = -1
        while sent != before:
            before = sent
            await asyncio.sleep(0.05)
        assert sent < 20_000_000
        for _ in range(200):
            await response.read()
        await until(lambda: sent > before)
        await response.aclose()


async def test_unread_short_answers_block_nobody():
    async def answer(conversation, received):
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n")
        await turns(5)  # the body comes apart from the head
        await conversation.send(bytes(50_000))

    async with client_for(HttpOptions(per_origin=2)) as harness, serve_answers(answer) as server:
        responses = [await harness.fetch(server.url()) for _ in range(10)]
        assert [len(await read_all(response)) for response in responses] == [50_000] * 10
        assert server.connections <= 2
