"""A tunnel's face over the kernel's sockets: real HTTP, DNS and TLS, without a mixnet below."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from mix_tunnel.options import TunnelOptions
from mix_tunnel.runtime.dns.resolver import Resolver, ResolverOptions
from mix_tunnel.runtime.http.client import HttpClient
from mix_tunnel.runtime.http.options import HttpOptions
from mix_tunnel.runtime.tls import TlsSettings
from mix_tunnel.state import Phase, TunnelState
from support.kernel import KernelNetwork
from support.name_server import serve_names, zone
from support.tls_server import authority, pem_of


class KernelTunnel:
    """What facades need of a tunnel."""

    def __init__(self, options: TunnelOptions, http: HttpClient, resolver: Resolver, network: KernelNetwork) -> None:
        self.options = options
        self.resolver = resolver
        self.network = network
        self.http = http
        self.state = TunnelState(Phase.READY, "ready")
        self.closed = False

    async def close(self) -> None:
        self.closed = True
        self.state = TunnelState(Phase.SHUTDOWN)
        await self.http.aclose()
        await self.resolver.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


@asynccontextmanager
async def kernel_tunnel(
    names: dict[str, str] | None = None, options: TunnelOptions | None = None
) -> AsyncIterator[KernelTunnel]:
    """A tunnel whose DNS server knows `names` (demo.test by default) and which trusts our test authority."""
    options = options or TunnelOptions(ca_certificates=(pem_of(authority()),))
    network = KernelNetwork()
    async with serve_names(zone(names or {"demo.test": "127.0.0.1"})) as server:
        resolver = Resolver(network, ResolverOptions((server.server,)))
        http = HttpClient(resolver, network, TlsSettings(options.ca_certificates), HttpOptions.from_tunnel(options))
        async with KernelTunnel(options, http, resolver, network) as tunnel:
            yield tunnel
