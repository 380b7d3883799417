"""Our HTTP client over the kernel's sockets: real exchanges with servers on loopback, without a mixnet below."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mix_tunnel.runtime.dns.resolver import Resolver, ResolverOptions
from mix_tunnel.runtime.http.client import HttpClient
from mix_tunnel.runtime.http.cookies import CookieJar
from mix_tunnel.runtime.http.options import HttpOptions
from mix_tunnel.runtime.http.request import HttpRequest
from mix_tunnel.runtime.http.response import HttpResponse
from mix_tunnel.runtime.tls import TlsSettings
from support.kernel import KernelNetwork
from support.name_server import serve_names, zone
from support.tls_server import authority, pem_of


class LoopbackClient:
    """A client and the network below it."""

    def __init__(self, network: KernelNetwork, client: HttpClient) -> None:
        self.network = network
        self.client = client

    async def fetch(
        self, url: str, method: str = "GET", headers: Any = (), body: Any = None, **options: Any
    ) -> HttpResponse:
        """One fetch; options are those of `HttpRequest`."""
        return await self.client.fetch(HttpRequest(method, url, headers, body, **options))

    async def get(self, url: str, **options: Any) -> bytes:
        """The whole body of a GET."""
        return await read_all(await self.fetch(url, **options))


async def read_all(response: HttpResponse) -> bytes:
    """The rest of a body."""
    return b"".join([piece async for piece in response])


@asynccontextmanager
async def loopback_client(
    options: HttpOptions | None = None, *, names: tuple[str, ...] = (), cookies: CookieJar | None = None
) -> AsyncIterator[LoopbackClient]:
    """A client that finds `names` (and demo.test) on 127.0.0.1 and trusts our test authority."""
    network = KernelNetwork()
    async with serve_names(zone(dict.fromkeys(("demo.test", *names), "127.0.0.1"))) as server:
        resolver = Resolver(network, ResolverOptions((server.server,)))
        client = HttpClient(resolver, network, TlsSettings([pem_of(authority())]), options, cookies)
        try:
            yield LoopbackClient(network, client)
        finally:
            await client.aclose()
