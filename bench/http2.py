"""HTTP/2 beside HTTP/1.1, and TLS sessions taken up beside whole handshakes, through one mixnet in this process."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from statistics import median
from typing import Any

import trustme
from hypercorn.asyncio import serve
from support.hypercorn_server import TlsConfig

from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions
from mix_tunnel.options import TunnelOptions
from mix_tunnel.runtime.http.client import HttpClient
from mix_tunnel.runtime.http.options import HttpOptions
from mix_tunnel.runtime.http.request import HttpRequest
from mix_tunnel.runtime.http.transport import ALPN
from mix_tunnel.runtime.tls import TlsSettings
from mix_tunnel.tunnel import Tunnel

HOST = "bench.test"
REQUESTS = 20
ROUNDS = 5
BODY = bytes(500)


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer everything with a few hundred bytes."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"500")]})
        await send({"type": "http.response.body", "body": BODY})


@asynccontextmanager
async def server(authority: trustme.CA, *alpn: str) -> AsyncIterator[str]:
    """hypercorn on a free port; yields its URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    context.set_alpn_protocols(list(alpn))
    config = TlsConfig(context)
    sockets = config.create_sockets()
    config.create_sockets = lambda: sockets  # type: ignore[method-assign]
    over = asyncio.Event()
    task = asyncio.create_task(serve(application, config, shutdown_trigger=over.wait))  # type: ignore[arg-type]
    try:
        yield f"https://{HOST}:{sockets.secure_sockets[0].getsockname()[1]}/"
    finally:
        over.set()
        await asyncio.wait({task})
        task.exception()


def client(tunnel: Tunnel, settings: TlsSettings) -> HttpClient:
    """A client without connections; the roots are loaded, so that they are not measured."""
    settings.context(ALPN)
    return HttpClient(tunnel.resolver, tunnel.network, settings, HttpOptions())


async def fetches(http: HttpClient, url: str, count: int) -> float:
    """Milliseconds for so many small requests at once."""

    async def one() -> None:
        response = await http.fetch(HttpRequest("GET", url))
        while await response.read():
            pass

    start = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(count)))
    return (time.perf_counter() - start) * 1000


async def measure_requests(tunnel: Tunnel, settings: TlsSettings, url: str) -> dict[str, float]:
    """Many small requests at once: over new connections, and over those that are there."""
    cold, warm = [], []
    for _ in range(ROUNDS):
        http = client(tunnel, settings)
        cold.append(await fetches(http, url, REQUESTS))
        warm.append(await fetches(http, url, REQUESTS))
        await http.aclose()
    return {"new_connections_ms": round(median(cold), 1), "kept_connections_ms": round(median(warm), 1)}


async def measure_first_fetch(tunnel: Tunnel, pem: str, url: str, *, resumed: bool) -> float:
    """One request over a new connection, with or without an earlier TLS session; milliseconds."""
    settings = TlsSettings((pem,))
    times = []
    for _ in range(2 * ROUNDS + 1):
        http = client(tunnel, settings if resumed else TlsSettings((pem,)))
        times.append(await fetches(http, url, 1))
        await http.aclose()
    return round(median(times[1:]), 1)  # the first one has no session yet


async def run() -> dict[str, Any]:
    authority = trustme.CA()
    pem = authority.cert_pem.bytes().decode()
    options = NetworkOptions(allow_local=True, hosts={HOST: (ip_address("127.0.0.1"),)}, dns="none")
    async with LocalNetwork(options) as network, server(authority, *ALPN) as new, server(authority, "http/1.1") as old:
        tunnel_options = TunnelOptions(
            directory_url=network.directory_url,
            disable_cover_traffic=True,
            disable_poisson_traffic=True,
            ca_certificates=(pem,),
        )
        async with await Tunnel.connect(tunnel_options) as tunnel:
            settings = TlsSettings((pem,))
            http2 = await measure_requests(tunnel, settings, new)
            http1 = await measure_requests(tunnel, settings, old)
            whole = await measure_first_fetch(tunnel, pem, new, resumed=False)
            resumed = await measure_first_fetch(tunnel, pem, new, resumed=True)
    return {
        f"{REQUESTS}_requests": {
            "http2": http2,
            "http1": http1,
            "http2_to_http1": {name: round(http2[name] / http1[name], 3) for name in http2},
        },
        "first_fetch": {
            "whole_handshake_ms": whole,
            "resumed_session_ms": resumed,
            "resumed_to_whole": round(resumed / whole, 3),
        },
    }


def measure() -> dict[str, Any]:
    """All of these figures."""
    return asyncio.run(run())
