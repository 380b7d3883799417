"""A program written for httpx does the same when one line of it is changed: `transport=MixTransport(…)`.

The program runs twice, over httpx's own transport and over ours through a local mixnet, against the same servers.
"""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import Any

import httpx
import pytest
from support.http_server import Conversation, serve_conversations
from support.httpbin_site import httpbin_site
from support.quiet_tunnel import quiet_options
from support.stalling import stalling_site
from support.tls_server import authority, pem_of
from support.waiting import until

from mix_fetch import MixTransport
from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions
from mix_protocol.errors import MixError
from mix_tunnel.tunnel import Tunnel

pytestmark = pytest.mark.timeout(900)

AGENT = {"User-Agent": "a program"}
LIMIT_S = 1.0
CONNECTIONS_PER_ORIGIN = 6


@pytest.fixture
async def tunnel():
    async with (
        LocalNetwork(NetworkOptions(allow_local=True)) as network,
        await Tunnel.connect(quiet_options(network)) as tunnel,
    ):
        yield tunnel


def directly() -> httpx.AsyncHTTPTransport:
    context = ssl.create_default_context(cadata=pem_of(authority()))
    return httpx.AsyncHTTPTransport(verify=context, http2=True)


class TwoSteps(httpx.Auth):
    """A flow of the program's own: asks without, and again with what the answer said."""

    requires_response_body = True

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        response = yield request
        assert response.json()["method"] == "POST"
        request.headers["Authorization"] = f"Own {response.json()['json']['a']}"
        yield request


# --- the program, part by part: each tells what it saw


async def redirects(client: httpx.AsyncClient) -> Any:
    manual = await client.get("/redirect/2")
    followed = await client.get("/redirect/2", follow_redirects=True)
    kept = await client.post("/redirect-to?url=/anything&status_code=307", content=b"again", follow_redirects=True)
    client.max_redirects = 2
    with pytest.raises(httpx.TooManyRedirects):
        await client.get("/redirect/3", follow_redirects=True)
    return [
        [manual.status_code, manual.next_request and manual.next_request.url.path],
        [followed.status_code, followed.url.path, [each.status_code for each in followed.history]],
        [kept.json()["method"], kept.json()["data"]],
    ]


async def cookies(client: httpx.AsyncClient) -> Any:
    await client.get("/cookies/set?a=1&b=2", follow_redirects=True)
    client.cookies.set("own", "3")
    seen = (await client.get("/cookies")).json()
    await client.get("/cookies/delete?a", follow_redirects=True)
    return [seen, (await client.get("/cookies")).json(), dict(client.cookies)]


async def authentication(client: httpx.AsyncClient) -> Any:
    digest = httpx.DigestAuth("user", "pass")
    answers = [
        await client.get("/basic-auth/user/pass", auth=("user", "pass")),
        await client.get("/basic-auth/user/pass"),
        await client.get("/digest-auth/auth/user/pass/SHA-256", auth=digest),
        await client.get("/digest-auth/auth/user/pass/SHA-256", auth=digest),  # by the nonce that is known by now
        await client.post("/anything", json={"a": "b"}, auth=TwoSteps()),
    ]
    told = answers[-1].json()["headers"]["Authorization"]
    return [[answer.status_code, len(answer.history)] for answer in answers], told


async def encodings(client: httpx.AsyncClient) -> Any:
    seen = []
    for path in ("/gzip", "/deflate", "/brotli"):
        response = await client.get(path)
        seen.append([response.headers.get("content-encoding"), sorted(response.json())])
    async with client.stream("GET", "/gzip") as response:
        raw = b"".join([piece async for piece in response.aiter_raw()])
        seen.append([len(raw) == int(response.headers["content-length"]), b"gzipped" in gzip.decompress(raw)])
    return seen


async def bodies(client: httpx.AsyncClient) -> Any:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(50):
            yield bytes([number]) * 1000

    answers = [
        await client.post("/anything", data={"a": "1", "b": "ä"}),
        await client.post("/anything", json={"a": [1, None]}),
        await client.post("/anything", content="text"),
        await client.put("/anything", content=pieces()),
        await client.patch("/anything", files={"file": ("name.txt", b"content", "text/plain")}, data={"c": "d"}),
        await client.delete("/anything", params={"q": ["1", "2"], "r": "é"}),
    ]
    unknown = await client.request("OWN", "/anything")
    members = ("args", "data", "files", "form", "json", "method")
    return [[answer.json().get(member) for member in members] for answer in answers], unknown.status_code


async def streaming(client: httpx.AsyncClient) -> Any:
    async with client.stream("GET", "/stream/5") as response:
        lines = [line async for line in response.aiter_lines()]
    async with client.stream("GET", "/bytes/100000?seed=1") as response:
        sizes = [len(piece) async for piece in response.aiter_bytes(4096)]
        done = [response.num_bytes_downloaded, response.is_stream_consumed, response.is_closed]
    async with client.stream("GET", "/stream-bytes/100000?seed=1") as response:
        first = len(await anext(response.aiter_bytes(10)))  # and the rest is given up
    return [len(lines), sizes, done, first, response.is_closed]


async def many_at_once(client: httpx.AsyncClient) -> Any:
    answers = await asyncio.gather(*(client.get(f"/anything/{number}") for number in range(20)))
    return [answer.json()["url"].rsplit("/", 1)[-1] for answer in answers], {answer.http_version for answer in answers}


async def hooks_and_statuses(client: httpx.AsyncClient) -> Any:
    seen: list[str] = []

    async def on_request(request: httpx.Request) -> None:
        seen.append(f"{request.method} {request.url.path}")

    async def on_response(response: httpx.Response) -> None:
        seen.append(f"{response.status_code}")

    client.event_hooks = {"request": [on_request], "response": [on_response]}
    missing = await client.get("/status/404")
    with pytest.raises(httpx.HTTPStatusError):
        missing.raise_for_status()
    empty, head = await client.get("/status/204"), await client.head("/json")
    return [seen, empty.content, head.content, head.headers["content-type"]]


async def own_headers(client: httpx.AsyncClient) -> Any:
    told = (await client.get("/headers", headers={"X-Own": "ü".encode(), "Accept": "a/b"})).json()
    return {name: told["headers"].get(name) for name in ("User-Agent", "X-Own", "Accept", "Accept-Encoding")}


PARTS: tuple[Callable[[httpx.AsyncClient], Awaitable[Any]], ...] = (
    redirects,
    cookies,
    authentication,
    encodings,
    bodies,
    streaming,
    many_at_once,
    hooks_and_statuses,
    own_headers,
)


async def program(transport: httpx.AsyncBaseTransport, origin: str) -> dict[str, Any]:
    """All of it; each part with a client of its own, as far as cookies and settings go."""
    seen = {}
    async with transport:
        for part in PARTS:
            client = httpx.AsyncClient(transport=transport, base_url=origin, headers=AGENT, timeout=60)
            seen[part.__name__] = await part(client)
    return seen


async def test_the_same_program_sees_the_same(tunnel):
    async with httpbin_site() as origin:
        expected = await program(directly(), origin)
        assert await program(MixTransport(tunnel), origin) == expected
        assert expected["many_at_once"][1] == {"HTTP/2"}


# --- its four time-outs


async def connect(client: httpx.AsyncClient, site: Any) -> None:
    await client.get(site.url("tcp"), timeout=httpx.Timeout(None, connect=LIMIT_S))


async def read_the_head(client: httpx.AsyncClient, site: Any) -> None:
    await client.get(site.url("headers"), timeout=httpx.Timeout(None, read=LIMIT_S))


async def read_the_body(client: httpx.AsyncClient, site: Any) -> None:
    async with client.stream("GET", site.url("body"), timeout=httpx.Timeout(None, read=LIMIT_S)) as response:
        assert response.status_code == 200
        await response.aread()


async def write(client: httpx.AsyncClient, site: Any) -> None:
    async def deaf(conversation: Conversation) -> None:
        conversation.writer.transport.pause_reading()
        await asyncio.Event().wait()

    async with serve_conversations(deaf) as server:
        await client.post(server.url(), content=bytes(50_000_000), timeout=httpx.Timeout(None, write=LIMIT_S))


async def take_a_connection(client: httpx.AsyncClient, site: Any) -> None:
    url = site.url("headers")
    held = [asyncio.create_task(client.get(url, timeout=None)) for _ in range(CONNECTIONS_PER_ORIGIN)]
    try:
        await until(lambda: site.reached.count("headers") == CONNECTIONS_PER_ORIGIN)
        await client.get(url, timeout=httpx.Timeout(None, pool=LIMIT_S))
    finally:
        for task in held:
            task.cancel()
        await asyncio.wait(held)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (connect, httpx.ConnectTimeout),
        (read_the_head, httpx.ReadTimeout),
        (read_the_body, httpx.ReadTimeout),
        (write, httpx.WriteTimeout),
        (take_a_connection, httpx.PoolTimeout),
    ],
)
async def test_each_time_out_is_the_one_of_httpx(tunnel, step, expected):
    limits = httpx.Limits(max_connections=CONNECTIONS_PER_ORIGIN)
    async with stalling_site() as site:
        for transport in (httpx.AsyncHTTPTransport(limits=limits), MixTransport(tunnel)):
            site.reached.clear()
            async with httpx.AsyncClient(transport=transport) as client:
                with pytest.raises(expected) as caught:
                    await step(client, site)
                assert isinstance(caught.value.__cause__, MixError) == isinstance(transport, MixTransport)
