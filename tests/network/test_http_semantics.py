"""HTTP's semantics through a whole local mixnet: encodings, redirects, cookies, integrity, deadlines, plain http."""

from __future__ import annotations

import base64
import gzip
import hashlib
import logging
import zlib
from contextlib import asynccontextmanager
from ipaddress import ip_address

import brotli
import pytest
from backports import zstd
from support.http_client import read_all
from support.http_server import serve_answers
from support.quiet_tunnel import quiet_options
from support.tls_server import certificate, server_context
from support.waiting import until

from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions
from mix_tunnel.runtime.http.errors import (
    BadIntegrity,
    DecompressionBomb,
    EncodingCut,
    InsecureRedirect,
    PlainHttpRefused,
    TooManyRedirects,
    TotalTimedOut,
)
from mix_tunnel.runtime.http.request import HttpRequest, HttpTimeouts
from mix_tunnel.tunnel import Tunnel

TEXT = b"".join(hashlib.sha256(bytes([n])).hexdigest().encode() for n in range(256)) * 4
ENCODED = {
    "gzip": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT),
    "br": brotli.compress(TEXT),
    "zstd": zstd.compress(TEXT),
    "cut": gzip.compress(TEXT)[:-20],
    "bomb": brotli.compress(bytes(100 << 20), quality=4, lgwin=24),
}
INTEGRITY = "sha256-" + base64.b64encode(hashlib.sha256(TEXT).digest()).decode()


async def answer(conversation, received):
    path, _, query = received.target.partition("?")
    match path:
        case "/encoded":
            coding = {"cut": "gzip", "bomb": "br"}.get(query, query)
            await conversation.respond(body=ENCODED[query], Content_Encoding=coding)
        case "/redirect":
            await conversation.respond(302, Location=query, Set_Cookie="went=1; Path=/; Secure")
        case "/loop":
            await conversation.respond(302, Location="/loop")
        case "/endless":
            await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
            while True:
                await conversation.send(bytes(65_536))
        case _:
            seen = [received.headers.get(name, "-") for name in ("cookie", "authorization", "accept-encoding")]
            await conversation.respond(body="|".join([received.method, *seen]).encode())


@pytest.fixture
async def network():
    hosts = {name: (ip_address("127.0.0.1"),) for name in ("demo.test", "other.test")}
    async with LocalNetwork(NetworkOptions(allow_local=True, hosts=hosts, dns="none")) as network:
        yield network


@asynccontextmanager
async def tunnel_to(network, **options):
    async with await Tunnel.connect(quiet_options(network, **options)) as tunnel:
        yield tunnel


@asynccontextmanager
async def site(name: str = "demo.test"):
    async with serve_answers(answer, server_context(certificate(name), alpn=["http/1.1"])) as server:
        server.host = name
        yield server


async def get(tunnel, url: str, method: str = "GET", headers=(), body=None, **options) -> bytes:
    return await read_all(await tunnel.http.fetch(HttpRequest(method, url, headers, body, **options)))


async def test_encodings(network):
    async with tunnel_to(network) as tunnel, site() as server:
        for coding in ("gzip", "deflate", "br", "zstd"):
            assert await get(tunnel, server.url(f"/encoded?{coding}")) == TEXT
            assert await get(tunnel, server.url(f"/encoded?{coding}"), decode=False) == ENCODED[coding]
        with pytest.raises(EncodingCut):
            await get(tunnel, server.url("/encoded?cut"))
        with pytest.raises(DecompressionBomb):
            await get(tunnel, server.url("/encoded?bomb"))
        assert await get(tunnel, server.url()) == b"GET|-|-|gzip, deflate, br, zstd"


async def test_redirects(network):
    async with tunnel_to(network) as tunnel, site() as here, site("other.test") as there:
        headers = [("Authorization", "Basic c2VjcmV0"), ("Cookie", "own=1")]
        request = HttpRequest("POST", here.url("/redirect?/after#part"), headers, b"form")
        response = await tunnel.http.fetch(request)
        assert (response.url, response.redirected) == (here.url("/after"), True)
        assert await read_all(response) == b"GET|own=1|Basic c2VjcmV0|gzip, deflate, br, zstd"
        away = await get(tunnel, here.url(f"/redirect?{there.url()}"), headers=headers)
        assert away == b"GET|-|-|gzip, deflate, br, zstd"
        with pytest.raises(TooManyRedirects):
            await get(tunnel, here.url("/loop"), max_redirects=3)
        assert [received.target for received in here.requests].count("/loop") == 4


async def test_cookies(network):
    async with tunnel_to(network, cookies=True) as tunnel, site() as here, site("other.test") as there:
        assert (await get(tunnel, here.url("/redirect?/after"))).startswith(b"GET|went=1|")
        await get(tunnel, there.url("/redirect?/after"))
        crossing = here.url(f"/redirect?{there.url()}")
        assert (await get(tunnel, crossing)).startswith(b"GET|-|")
        assert (await get(tunnel, crossing, credentials="include")).startswith(b"GET|went=1|")
        assert (await get(tunnel, here.url(), credentials="omit")).startswith(b"GET|-|")
        kept = tunnel.cookies.export()
        assert [cookie["domain"] for cookie in kept] == ["demo.test", "other.test"]
        tunnel.cookies.clear()
        assert (await get(tunnel, here.url())).startswith(b"GET|-|")
        tunnel.cookies.load(kept)
        assert (await get(tunnel, here.url())).startswith(b"GET|went=1|")


async def test_integrity(network):
    async with tunnel_to(network) as tunnel, site() as server:
        assert await get(tunnel, server.url("/encoded?zstd"), integrity=INTEGRITY) == TEXT
        with pytest.raises(BadIntegrity):
            await get(tunnel, server.url("/after"), integrity=INTEGRITY)


async def test_a_deadline_leaves_no_flow_at_the_exit(network):
    async with tunnel_to(network) as tunnel, site() as server:
        # The connection stands when the time begins, so that it is up in the body however slow everything is.
        assert (await get(tunnel, server.url())).startswith(b"GET|")
        limit = HttpTimeouts(total_s=8)
        response = await tunnel.http.fetch(HttpRequest("GET", server.url("/endless"), timeouts=limit))
        assert await response.read()
        with pytest.raises(TotalTimedOut):
            await read_all(response)
        await until(lambda: not network.exit.snapshot()["flows"].get("tcp", 0))
        assert (await get(tunnel, server.url())).startswith(b"GET|")


async def test_plain_http_is_warned_about_or_refused(network, caplog):
    async with site() as secure, serve_answers(answer) as plain:
        plain.host = "demo.test"
        async with tunnel_to(network) as tunnel:
            for _ in range(2):
                assert (await get(tunnel, plain.url())).startswith(b"GET|")
        warnings = [
            record for record in caplog.records if (record.name, record.levelno) == ("mix_tunnel", logging.WARNING)
        ]
        assert len(warnings) == 1
        requests = len(plain.requests)
        async with tunnel_to(network, https_only=True) as tunnel:
            with pytest.raises(PlainHttpRefused):
                await get(tunnel, plain.url())
            with pytest.raises(InsecureRedirect):
                await get(tunnel, secure.url(f"/redirect?{plain.url()}"))
        assert len(plain.requests) == requests
