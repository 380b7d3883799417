"""Another's implementation on the other side: Node's server, which is nghttp2."""

from __future__ import annotations

import asyncio
import hashlib
import json
from contextlib import asynccontextmanager
from ipaddress import ip_address

import pytest
from support.kernel import KernelNetwork
from support.nghttp2_server import nghttp2_server
from support.tls_server import authority, pem_of

from mix_tunnel.runtime.http.http2.errors import NotProcessed, StreamReset
from mix_tunnel.runtime.http.options import HttpOptions
from mix_tunnel.runtime.http.request import HttpRequest, HttpTimeouts, prepare
from mix_tunnel.runtime.http.transport import HttpTransport
from mix_tunnel.runtime.tls import TlsSettings

BODY = hashlib.shake_256(b"nghttp2").digest(2_000_000)


@pytest.fixture(scope="module")
def port():
    with nghttp2_server("127.0.0.1") as port:
        yield port


class Literal:
    """Looks addresses up that are written out."""

    async def lookup(self, name):
        return [ip_address(name)]


class Client:
    def __init__(self, transport: HttpTransport, base: str) -> None:
        self.transport = transport
        self.base = base

    async def send(self, path, method="GET", **options):
        request = prepare(HttpRequest(method, self.base + path, **options))
        return await self.transport.send(request, HttpTimeouts(response_s=60, idle_s=60))

    async def get(self, path, method="GET", **options):
        response = await self.send(path, method, **options)
        data = bytearray()
        while piece := await response.read():
            data += piece
        return response.head, bytes(data)

    async def log(self):
        return json.loads((await self.get("/log"))[1])


@asynccontextmanager
async def client_for(port):
    tls = TlsSettings([pem_of(authority())])
    transport = HttpTransport(Literal(), KernelNetwork(), tls, HttpOptions())
    try:
        yield Client(transport, f"https://127.0.0.1:{port}")
    finally:
        await transport.aclose()


async def test_bodies_of_every_size(port):
    async with client_for(port) as client:
        before = await client.log()
        sizes = [0, 1, 16_384, 65_535, 65_536, 131_072, 131_073, 3_000_000]
        answers = await asyncio.gather(*(client.get(f"/bytes/{size}") for size in sizes))
        assert [len(body) for _, body in answers] == sizes
        assert {head.http_version for head, _ in answers} == {"2"}
        after = await client.log()
        assert (after["sessions"], after["errors"]) == (before["sessions"], before["errors"])


async def test_uploads_beside_each_other(port):
    async def pieces():
        for start in range(0, len(BODY), 33_333):
            yield BODY[start : start + 33_333]

    async with client_for(port) as client:
        whole = [client.get("/echo", "POST", body=BODY) for _ in range(3)]
        streamed = [client.get("/echo", "POST", body=pieces()) for _ in range(3)]
        assert [body == BODY for _, body in await asyncio.gather(*whole, *streamed)] == [True] * 6
        assert (await client.log())["errors"] == []


async def test_more_requests_than_streams(port):
    async with client_for(port) as client:
        answers = await asyncio.gather(*(client.get("/bytes/100") for _ in range(200)))
        assert [len(body) for _, body in answers] == [100] * 200


async def test_hints_trailers_and_cookies(port):
    async with client_for(port) as client:
        assert (await client.get("/hints"))[1] == b"hinted"
        head, body = await client.get("/trailers")
        assert body == b"with trailers"
        assert "x-checksum" not in dict(head.headers)
        head, body = await client.get("/cookies", headers=[("Cookie", "c=3; d=4")])
        assert ([value for name, value in head.headers if name == "set-cookie"], body) == (["a=1", "b=2"], b"c=3; d=4")
        assert (await client.get("/head", "HEAD"))[1] == b""


async def test_nothing_may_be_pushed(port):
    async with client_for(port) as client:
        assert (await client.get("/push"))[1] == b"false"


async def test_resets(port):
    async with client_for(port) as client:
        with pytest.raises(StreamReset):
            await client.get("/reset/2")
        with pytest.raises(NotProcessed):
            await client.get("/reset/7")
        with pytest.raises(StreamReset):
            await client.get("/half")
        assert (await client.get("/bytes/3"))[1] == b"\7\7\7"


async def test_an_early_answer(port):
    async with client_for(port) as client:
        head, body = await client.get("/early", "POST", body=BODY)
        assert (head.status, body) == (413, b"too much")
        assert (await client.get("/bytes/3"))[1] == b"\7\7\7"
        assert (await client.log())["errors"] == []


async def test_an_abort(port):
    async with client_for(port) as client:
        endless = await client.send("/endless")
        for _ in range(50):
            assert await endless.read()
        endless.abort()
        assert len((await client.get("/bytes/500000"))[1]) == 500_000
        log = await client.log()
        assert 8 in log["resets"]  # CANCEL
        assert log["errors"] == []


async def test_goodbye(port):
    async with client_for(port) as client:
        paths = ["/bytes/100000", "/goaway", *["/bytes/100000"] * 6]
        answers = await asyncio.gather(*(client.get(path) for path in paths))
        assert sorted(len(body) for _, body in answers) == [len(b"goodbye"), *[100_000] * 7]
        assert (await client.get("/bytes/3"))[1] == b"\7\7\7"
        assert (await client.log())["errors"] == []
