"""The demo site, in process: what each panel of the playground relies on."""

from __future__ import annotations

import base64
import gzip
import hashlib
import sys
import zlib
from pathlib import Path

import brotli
import dns.message
import httpx
import pytest
import websockets
from backports import zstd
from starlette.applications import Starlette
from starlette.routing import Mount, Route

sys.path.insert(0, str(Path(__file__).parents[3] / "web"))

from demo_names import DemoNames
from demo_site import Visitors, make_demo_site
from serving import KEEP_ALIVE_S, listen, serving

from mix_tunnel.runtime.http.pool import ConnectionPool

VISITORS = Visitors()
NAMES = DemoNames(8443, b"certificate")
SITE = make_demo_site(VISITORS, [Route("/dns-query", NAMES.over_https, methods=["GET", "POST"])])


@pytest.fixture
def site() -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(SITE), base_url="http://demo.test", follow_redirects=True)


async def test_bytes_come_with_their_hash(site: httpx.AsyncClient):
    answer = await site.get("/bytes/70000")
    digest = base64.b64encode(hashlib.sha256(answer.content).digest()).decode()
    assert (len(answer.content), answer.headers["repr-digest"]) == (70_000, f"sha-256=:{digest}:")


async def test_a_tunnel_gives_an_idle_connection_up_before_the_site_does():
    """Were it the other way round, a request could be on its way when its connection ends."""
    assert ConnectionPool()._keep_alive_s < KEEP_ALIVE_S


DECODERS = {"gzip": gzip.decompress, "deflate": zlib.decompress, "br": brotli.decompress, "zstd": zstd.decompress}


@pytest.mark.parametrize("coding", DECODERS)
async def test_codings(site: httpx.AsyncClient, coding: str):
    async with site.stream("GET", f"/encoded/{coding}") as answer:
        sent = b"".join([piece async for piece in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == coding
    assert DECODERS[coding](sent).startswith(f"line 1 of a text that was sent with {coding}\n".encode())


async def test_an_unknown_coding(site: httpx.AsyncClient):
    assert (await site.get("/encoded/rot13")).status_code == 404


async def test_a_copy_below_a_path_keeps_to_it():
    """The direct side of the playground: redirects stay there, and the welcome tells no tales of hops."""
    copy = httpx.ASGITransport(Starlette(routes=[Mount("/site", make_demo_site(Visitors()))]))
    async with httpx.AsyncClient(transport=copy, base_url="http://page.test", follow_redirects=True) as page:
        answer = await page.get("/site/redirect/2")
        assert str(answer.url) == "http://page.test/site/"
        assert "without the tunnel" in answer.text
        assert "entry gateway" not in answer.text


async def test_the_echo_gives_back_what_it_gets_and_visitors_are_counted():
    async with serving(SITE, listen(0)) as port:
        before = VISITORS.requests.get("127.0.0.1", 0)
        async with websockets.connect(f"ws://127.0.0.1:{port}/echo", subprotocols=["chat", "other"]) as socket:
            assert socket.subprotocol == "chat"
            await socket.send("grüße")
            assert await socket.recv() == "grüße"
            await socket.send(b"\0\xff")
            assert await socket.recv() == b"\0\xff"
        assert VISITORS.requests["127.0.0.1"] == before + 1


@pytest.mark.parametrize(("asked", "got"), [(1000, 1000), (1011, 1011), (4321, 4321), (1006, 1002), (2000, 1002)])
async def test_closing_codes(asked: int, got: int):
    async with serving(SITE, listen(0)) as port, websockets.connect(f"ws://127.0.0.1:{port}/close/{asked}") as socket:
        with pytest.raises(websockets.ConnectionClosed):
            await socket.recv()
        assert socket.close_code == got


async def test_dns_over_https(site: httpx.AsyncClient):
    query = dns.message.make_query("demo.test", "A").to_wire()
    headers = {"content-type": "application/dns-message"}
    encoded = base64.urlsafe_b64encode(query).rstrip(b"=").decode()
    for answer in (
        await site.post("/dns-query", content=query, headers=headers),
        await site.get(f"/dns-query?dns={encoded}"),
    ):
        assert answer.headers["content-type"] == "application/dns-message"
        assert "127.0.0.1" in dns.message.from_wire(answer.content).answer[0].to_text()
    assert (await site.post("/dns-query", content=query)).status_code == 415
    assert (await site.post("/dns-query", content=b"?" * 70_000, headers=headers)).status_code == 413
    assert (await site.get("/dns-query?dns=x")).status_code == 400
    assert (await site.get("/dns-query")).status_code == 400
