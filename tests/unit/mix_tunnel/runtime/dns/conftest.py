"""A real unbound for the tests of this folder, and resolvers over the kernel's sockets."""

from __future__ import annotations

import pytest
from support.kernel import KernelNetwork
from support.tls_server import authority, pem_of
from support.unbound import run_unbound

from mix_tunnel.runtime.dns.resolver import Resolver, ResolverOptions
from mix_tunnel.runtime.dns.servers import parse_servers
from mix_tunnel.runtime.tls import TlsSettings


@pytest.fixture(scope="module")
def unbound():
    with run_unbound() as server:
        yield server


@pytest.fixture
async def resolve_by():
    """Makes a resolver that asks these servers and trusts the tests' authority; `network` is its network."""
    resolvers: list[Resolver] = []

    def make(*servers: str, network: KernelNetwork | None = None, **options) -> Resolver:
        tls = TlsSettings((pem_of(authority()),))
        options = {"timeout_s": 100.0, **options}
        resolver = Resolver(
            network or KernelNetwork(), ResolverOptions(parse_servers(servers), **options), tls_settings=tls
        )
        resolvers.append(resolver)
        return resolver

    yield make
    for resolver in resolvers:
        await resolver.aclose()
