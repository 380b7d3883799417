"""`MixTransport` below a real `httpx.AsyncClient`, over real HTTP and TLS, without a mixnet below."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
import zlib

import brotli
import httpcore
import httpx
import pytest
from support.http_server import serve_answers, serve_conversations
from support.kernel_tunnel import kernel_tunnel
from support.tls_server import certificate, server_context
from support.waiting import until

import mix_fetch
from mix_fetch import MixTransport, httpx_transport
from mix_fetch.errors import BadArgument
from mix_fetch.httpx_errors import translate
from mix_protocol.errors import MixError, NetworkFailure, PeerMisbehaved, registered
from mix_tunnel.api import TunnelOptions
from mix_tunnel.runtime.dns.errors import NameNotFound, ResolvingTimedOut
from mix_tunnel.runtime.http import errors as http
from mix_tunnel.runtime.http.request import USER_AGENT
from mix_tunnel.runtime.tls_errors import CertificateExpired, HandshakeFailed, TlsTruncated
from mix_tunnel.state import Phase, TunnelState


async def echo(conversation, received):
    kind = received.headers.get("content-type", "application/octet-stream")
    await conversation.respond(body=received.body, Content_Type=kind, X_Method=received.method)


@pytest.fixture
async def client():
    async with kernel_tunnel() as tunnel, httpx.AsyncClient(transport=MixTransport(tunnel)) as client:
        yield client


async def test_a_get_over_https(client):
    async with serve_answers(echo, server_context(certificate("demo.test"))) as server:
        url = f"https://demo.test:{server.port}/a%20b?q=1%2F2&r=é"
        response = await client.get(url)
        assert (response.status_code, response.reason_phrase, response.http_version) == (200, "Reason", "HTTP/1.1")
        assert response.url == httpx.URL(url)
        assert server.requests[0].target == "/a%20b?q=1%2F2&r=%C3%A9"
        assert server.requests[0].headers["host"] == f"demo.test:{server.port}"


async def test_it_looks_like_a_browser_unless_the_program_says_otherwise(client):
    async with serve_answers(echo) as server:
        await client.get(server.url())
        await client.get(server.url(), headers={"User-Agent": "mine/1.0", "Accept": "text/own"})
        plain, own = (received.headers for received in server.requests)
        assert plain["user-agent"] == USER_AGENT
        assert "httpx" not in str(plain)
        assert plain["accept-language"]
        assert plain["accept"] == "*/*"
        assert (own["user-agent"], own["accept"]) == ("mine/1.0", "text/own")
        del client.headers["Accept-Encoding"]
        await client.get(server.url())
        assert server.requests[2].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"content": b"abc"}, b"abc"),
        ({"data": {"a": "1", "b": "ä"}}, b"a=1&b=%C3%A4"),
        ({"json": {"a": 1}}, b'{"a":1}'),
        ({"content": b""}, b""),
        ({}, b""),
    ],
)
async def test_bodies(client, given, sent):
    async with serve_answers(echo) as server:
        response = await client.post(server.url(), **given)
        assert response.content == sent
        assert server.requests[0].headers["content-length"] == str(len(sent))


async def test_files(client):
    async with serve_answers(echo) as server:
        response = await client.post(server.url(), files={"file": ("name.txt", b"content", "text/plain")})
        assert b'filename="name.txt"' in response.content
        assert "transfer-encoding" not in server.requests[0].headers


async def test_a_body_that_comes_in_pieces(client):
    async def pieces():
        yield b"abc"
        yield b"def"

    async with serve_answers(echo) as server:
        assert (await client.put(server.url(), content=pieces())).content == b"abcdef"
        assert server.requests[0].headers["transfer-encoding"] == "chunked"


async def test_the_programs_own_failure_stays_its_own(client):
    async def pieces():
        yield b"abc"
        raise KeyError("mine")

    async with serve_answers(echo) as server:
        with pytest.raises(KeyError, match="mine"):
            await client.put(server.url(), content=pieces())


async def test_a_response_that_streams(client):
    more = asyncio.Event()

    async def talk(conversation):
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
        await more.wait()
        await conversation.send(b"def")

    async with serve_conversations(talk) as server, client.stream("GET", server.url()) as response:
        pieces = response.aiter_raw()
        assert await anext(pieces) == b"abc"
        more.set()
        assert await anext(pieces) == b"def"


async def test_leaving_a_stream_resets_the_connection(client):
    reset = asyncio.Event()

    async def talk(conversation):
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nabc")
        try:
            await conversation.reader.read()
        except ConnectionResetError:
            reset.set()

    async with serve_conversations(talk) as server:
        async with client.stream("GET", server.url()) as response:
            assert response.status_code == 200
        await reset.wait()


UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


async def test_an_upgraded_connection_is_the_programs(client):
    ended = asyncio.Event()

    async def talk(conversation):
        received = await conversation.request()
        assert (received.headers["connection"], received.headers["upgrade"]) == ("Upgrade", "websocket")
        await conversation.send(SWITCHING + b"hello")
        while data := await conversation.reader.read(100):
            await conversation.send(data.upper())
        ended.set()

    async with serve_conversations(talk) as server:
        async with client.stream("GET", server.url(), headers=UPGRADE) as response:
            assert (response.status_code, response.headers["upgrade"]) == (101, "websocket")
            stream = response.extensions["network_stream"]
            assert (await stream.read(2), await stream.read(100)) == (b"he", b"llo")
            await stream.write(b"and back")
            assert await stream.read(100) == b"AND BACK"
            with pytest.raises(httpcore.ReadTimeout):
                await stream.read(100, timeout=0.01)
            await stream.write(b"still", timeout=10)
            assert await stream.read(100, timeout=10) == b"STILL"
            assert stream.get_extra_info("socket") is None
            await stream.aclose()
            await ended.wait()
        assert server.connections == 1


async def test_an_upgrade_that_is_not_taken_is_an_ordinary_answer(client):
    async with serve_answers(echo) as server:
        response = await client.get(server.url(), headers=UPGRADE)
        assert (response.status_code, "network_stream" in response.extensions) == (200, False)


async def test_an_upgrade_takes_a_connection_of_its_own_which_nobody_takes_later(client):
    async def talk(conversation):
        while True:
            if (await conversation.request()).headers.get("upgrade"):
                await conversation.send(SWITCHING + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
            else:
                await conversation.respond(body=b"good")

    async with serve_conversations(talk) as server:
        assert (await client.get(server.url())).content == b"good"
        async with client.stream("GET", server.url(), headers=UPGRADE) as response:
            assert await response.aread() == b""
        assert (await client.get(server.url())).content == b"good"
        assert server.connections == 2  # the first one was kept meanwhile


async def test_an_upgraded_connection_that_breaks(client):
    async def talk(conversation):
        await conversation.request()
        await conversation.send(SWITCHING)
        await conversation.reader.read(1)
        lingering = conversation.writer.get_extra_info("socket")
        lingering.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        conversation.writer.transport.abort()

    async with serve_conversations(talk) as server, client.stream("GET", server.url(), headers=UPGRADE) as response:
        stream = response.extensions["network_stream"]
        await stream.write(b"x")
        with pytest.raises(httpcore.ReadError) as caught:
            await stream.read(100)
        assert isinstance(caught.value.__cause__, MixError)


async def test_httpx_decodes(client):
    async def answer(conversation, received):
        assert "gzip" in received.headers["accept-encoding"]
        await conversation.respond(body=gzip.compress(b"plain"), Content_Encoding="gzip")

    async with serve_answers(answer) as server:
        response = await client.get(server.url())
        assert response.content == b"plain"
        assert response.headers["content-encoding"] == "gzip"


LINES = b"".join(b"line %d\n" % number for number in range(20_000))
ENCODED = {
    "gzip": gzip.compress(LINES),
    "GZIP": gzip.compress(LINES),
    "deflate": zlib.compress(LINES),
    "br": brotli.compress(LINES),
    "deflate, gzip": gzip.compress(zlib.compress(LINES)),
    "own, gzip": gzip.compress(LINES),
    "identity": LINES,
    "own": LINES,
}


async def test_bodies_are_what_httpx_makes_of_them(client):
    async def answer(conversation, received):
        coding = received.headers["x-coding"]
        body = ENCODED[coding]
        await conversation.respond(body=body[: int(received.headers.get("x-cut", len(body)))], Content_Encoding=coding)

    async def read(http, url, headers):
        async with http.stream("GET", url, headers=headers) as response:
            pieces = [piece async for piece in response.aiter_bytes(1000)]
        async with http.stream("GET", url, headers=headers) as response:
            raw = b"".join([piece async for piece in response.aiter_raw()])
        async with http.stream("GET", url, headers=headers) as response:
            lines = [line async for line in response.aiter_lines()]
        whole = await http.get(url, headers=headers)
        again = [piece async for piece in whole.aiter_bytes(7000)]
        return pieces, raw, lines, whole.content, whole.text, again, dict(whole.headers)

    async with serve_answers(answer) as server, httpx.AsyncClient(trust_env=False) as direct:
        for coding in ENCODED:
            headers = {"X-Coding": coding}
            assert await read(client, server.url(), headers) == await read(direct, server.url(), headers)
        cut = {"X-Coding": "gzip", "X-Cut": "20000"}
        assert await read(client, server.url(), cut) == await read(direct, server.url(), cut)


async def test_a_bomb_is_unpacked_in_small_steps_and_given_up(client):
    bomb = brotli.compress(bytes(80 << 20), quality=1)

    async def answer(conversation, received):
        await conversation.respond(body=bomb, Content_Encoding="own, br" if received.target == "/b" else "br")

    async with serve_answers(answer) as server:
        for path in ("/a", "/b"):
            async with client.stream("GET", server.url(path)) as response:
                turns = asyncio.create_task(count_turns())
                with pytest.raises(httpx.DecodingError):
                    await longest_piece(response)
                turns.cancel()
                assert await turns > 100


async def longest_piece(response):
    return max([len(piece) async for piece in response.aiter_bytes()])


async def count_turns():
    """How often others had their turn until they did not want it any more."""
    count = 0
    try:
        while True:
            count += 1
            await asyncio.sleep(0)
    except asyncio.CancelledError:
        return count


@pytest.mark.parametrize(("coding", "body"), [("gzip", b"not compressed"), ("gzip, " * 6 + "gzip", b"x")])
async def test_a_body_that_is_not_encoded_as_it_says(client, coding, body):
    async def answer(conversation, received):
        await conversation.respond(body=body, Content_Encoding=coding)

    async with serve_answers(answer) as server:
        with pytest.raises(httpx.DecodingError) as caught:
            await client.get(server.url())
        assert isinstance(caught.value.__cause__, http.BadEncoding)


async def test_httpx_follows_redirects_and_keeps_cookies_and_authenticates(client):
    async def answer(conversation, received):
        if received.target == "/a":
            await conversation.respond(302, Location="/b", Set_Cookie="seen=1")
        else:
            await conversation.respond(body=f"{received.headers.get('cookie')}".encode())

    async with serve_answers(answer) as server:
        manual = await client.get(server.url("/a"))
        assert (manual.status_code, manual.headers["location"]) == (302, "/b")
        followed = await client.get(server.url("/a"), follow_redirects=True, auth=("user", "secret"))
        assert (followed.text, len(followed.history)) == ("seen=1", 1)
        assert server.requests[-1].headers["authorization"].startswith("Basic ")
        await client.get(f"http://user:secret@127.0.0.1:{server.port}/b")
        assert server.requests[-1].headers["authorization"].startswith("Basic ")


async def test_errors_of_the_server_are_answers(client):
    async def answer(conversation, received):
        await conversation.respond(500, b"oh")

    async with serve_answers(answer) as server:
        response = await client.get(server.url())
        with pytest.raises(httpx.HTTPStatusError):
            response.raise_for_status()


@pytest.mark.parametrize(
    ("limit", "expected"),
    [({"read": 0.1}, httpx.ReadTimeout), ({"connect": 0}, httpx.ConnectTimeout)],
)
async def test_a_server_that_is_silent(client, limit, expected):
    async def silence(conversation):
        await conversation.reader.read()

    async with serve_conversations(silence) as server:
        with pytest.raises(expected) as caught:
            await client.get(server.url(), timeout=httpx.Timeout(None, **limit))
        assert isinstance(caught.value.__cause__, MixError)
        assert caught.value.request.url == server.url()


async def test_a_server_that_stops_in_the_middle(client):
    async def half(conversation):
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await conversation.reader.read()

    async with serve_conversations(half) as server:
        with pytest.raises(httpx.ReadTimeout):
            await client.get(server.url(), timeout=httpx.Timeout(None, read=0.1))


async def test_a_server_that_takes_nothing(client):
    async def deaf(conversation):
        conversation.writer.transport.pause_reading()
        await asyncio.Event().wait()

    async with serve_conversations(deaf) as server:
        with pytest.raises(httpx.WriteTimeout):
            await client.post(server.url(), content=bytes(50_000_000), timeout=httpx.Timeout(None, write=0.5))


async def test_no_connection_is_free(client):
    async def silence(conversation):
        await conversation.reader.read()

    async with serve_conversations(silence) as server:
        first = [asyncio.create_task(client.get(server.url(), timeout=None)) for _ in range(6)]
        await until(lambda: server.connections == 6)
        with pytest.raises(httpx.PoolTimeout):
            await client.get(server.url(), timeout=httpx.Timeout(None, pool=0.1))
        for task in first:
            task.cancel()
        await asyncio.wait(first)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"", httpx.RemoteProtocolError),
        (b"garbage\r\n\r\n", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", httpx.RemoteProtocolError),
    ],
)
async def test_servers_that_misbehave(client, sent, expected):
    async def talk(conversation):
        await conversation.request()
        await conversation.send(sent)

    async with serve_conversations(talk) as server:
        with pytest.raises(expected) as caught:
            await client.get(server.url())
        assert isinstance(caught.value.__cause__, MixError)


@pytest.mark.parametrize(
    ("url", "headers", "expected"),
    [
        ("ftp://a.test/", {}, httpx.UnsupportedProtocol),
        ("http://nobody.test/", {}, httpx.ConnectError),
        ("http://a.test/", {"Upgrade": "websocket"}, httpx.LocalProtocolError),
    ],
)
async def test_requests_that_go_nowhere(client, url, headers, expected):
    with pytest.raises(expected):
        await client.get(url, headers=headers)


async def test_a_certificate_of_nobody(client):
    async with serve_answers(echo, server_context(certificate("demo.test", ca="a stranger"))) as server:
        with pytest.raises(httpx.ConnectError) as caught:
            await client.get(f"https://demo.test:{server.port}/")
        assert caught.value.__cause__.code == "tls.unknown_issuer"


@pytest.mark.parametrize(
    ("error", "head", "body"),
    [
        (NameNotFound(), httpx.ConnectError, httpx.ReadError),
        (ResolvingTimedOut(), httpx.ConnectTimeout, httpx.ConnectTimeout),
        (CertificateExpired(), httpx.ConnectError, httpx.RemoteProtocolError),
        (HandshakeFailed(), httpx.ConnectError, httpx.RemoteProtocolError),
        (TlsTruncated(), httpx.ConnectError, httpx.ReadError),
        (http.NoResponse(), httpx.RemoteProtocolError, httpx.RemoteProtocolError),
        (http.NoResponse(cause="tcp.connection_reset"), httpx.ReadError, httpx.ReadError),
        (http.BodyCut(cause="tcp.connection_reset"), httpx.ReadError, httpx.ReadError),
        (http.HeadTooLarge(), httpx.RemoteProtocolError, httpx.RemoteProtocolError),
        (http.BadHeader(), httpx.LocalProtocolError, httpx.LocalProtocolError),
        (http.ClientClosed(), httpx.ReadError, httpx.ReadError),
        (NetworkFailure(), httpx.ReadError, httpx.ReadError),
        (PeerMisbehaved(), httpx.RemoteProtocolError, httpx.RemoteProtocolError),
    ],
)
def test_every_error_has_its_exception(error, head, body):
    request = httpx.Request("GET", "http://a.test/")
    before, after = translate(error, request, begun=False), translate(error, request, begun=True)
    assert (type(before), type(after)) == (head, body)
    assert (str(before), before.request) == (str(error), request)


def test_time_outs_are_time_outs_whatever_their_name():
    request = httpx.Request("GET", "http://a.test/")
    for code, cls in registered().items():
        if code.endswith("timed_out") and code.startswith(("dns.", "http.")):
            assert isinstance(translate(cls(), request, begun=False), httpx.TimeoutException), code


async def test_without_a_tunnel():
    async with httpx.AsyncClient(transport=MixTransport("no such tunnel")) as client:
        with pytest.raises(httpx.ConnectError, match="setup_mix_tunnel"):
            await client.get("http://a.test/")


async def test_a_shared_tunnel_stays_open():
    async with kernel_tunnel() as tunnel:
        async with httpx.AsyncClient(transport=MixTransport(tunnel)):
            pass
        assert not tunnel.closed


async def test_a_tunnel_of_its_own(monkeypatch):
    made = []

    async def connect(options):
        await asyncio.sleep(0)
        made.append(options)
        if len(made) == 1:
            raise NetworkFailure("the directory is away")
        return tunnel

    monkeypatch.setattr(httpx_transport.Tunnel, "connect", connect)
    options = TunnelOptions(client_id="own")
    async with kernel_tunnel() as tunnel, serve_answers(echo) as server:
        async with httpx.AsyncClient(transport=MixTransport(options=options)) as client:
            assert made == []
            with pytest.raises(httpx.TransportError, match="directory"):
                await client.get(server.url())
            await asyncio.gather(*(client.get(server.url()) for _ in range(3)))
            assert made == [options, options]
            tunnel.state = TunnelState(Phase.FAILED)
            tunnel.close, closed = close_counter()
            await client.get(server.url())
            assert (len(made), closed()) == (3, 1)
        assert closed() == 2


def close_counter():
    calls = []

    async def close():
        calls.append(1)

    return close, lambda: len(calls)


@pytest.mark.parametrize(
    "arguments", [{"tunnel": 5}, {"options": {"client_id": "x"}}, {"tunnel": "work", "options": TunnelOptions()}]
)
def test_wrong_arguments(arguments):
    with pytest.raises(BadArgument):
        MixTransport(**arguments)


def test_it_is_found_where_it_is_looked_for():
    assert mix_fetch.MixTransport is MixTransport
    with pytest.raises(AttributeError):
        mix_fetch.NoSuchName  # noqa: B018
