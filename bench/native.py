"""The tunnel in a Python process, without cover traffic, beside the same fetches without a tunnel."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

import httpx

from bench.playground import MEGABYTE, WARM_FETCHES, Playground
from mix_tunnel.options import TunnelOptions
from mix_tunnel.runtime.http.request import HttpRequest
from mix_tunnel.tunnel import Tunnel

Fetch = Callable[[str, bytes | None], Awaitable[int]]


async def timed(action: Awaitable[Any]) -> float:
    """Seconds that an action takes."""
    start = time.perf_counter()
    await action
    return time.perf_counter() - start


async def measure_fetches(fetch: Fetch, base: str) -> dict[str, float]:
    """First fetch, warm fetches, and a megabyte each way."""
    first = await timed(fetch(f"{base}/json", None))
    warm = [await timed(fetch(f"{base}/json", None)) for _ in range(WARM_FETCHES)]
    down = await timed(fetch(f"{base}/bytes/{MEGABYTE}", None))
    up = await timed(fetch(f"{base}/echo", bytes(MEGABYTE)))
    return {
        "first_fetch_ms": round(first * 1000, 1),
        "warm_fetch_p50_ms": round(median(warm) * 1000, 1),
        "download_kB_per_s": round(MEGABYTE / 1000 / down, 1),
        "upload_kB_per_s": round(MEGABYTE / 1000 / up, 1),
    }


async def through_tunnel(playground: Playground) -> dict[str, float]:
    options = TunnelOptions(
        directory_url=playground.directory_url,
        ca_certificates=playground.ca_certificates,
        disable_cover_traffic=True,
        disable_poisson_traffic=True,
    )
    start = time.perf_counter()
    async with await Tunnel.connect(options) as tunnel:
        ready = time.perf_counter() - start

        async def fetch(url: str, body: bytes | None) -> int:
            response = await tunnel.http.fetch(HttpRequest("POST" if body else "GET", url, body=body))
            size = 0
            while piece := await response.read():
                size += len(piece)
            return size

        return {"tunnel_ready_s": round(ready, 3), **await measure_fetches(fetch, playground.https)}


async def directly(playground: Playground) -> dict[str, float]:
    context = ssl.create_default_context(cadata="\n".join(playground.ca_certificates))
    host, port = playground.https.removeprefix("https://").rsplit(":", 1)
    async with httpx.AsyncClient(verify=context) as client:

        async def fetch(url: str, body: bytes | None) -> int:
            answer = await client.request(
                "POST" if body else "GET", url, content=body, extensions={"sni_hostname": host}
            )
            return len(answer.content)

        return await measure_fetches(fetch, f"https://127.0.0.1:{port}")


def measure(playground: Playground) -> dict[str, Any]:
    """All of the native figures."""
    tunnel, direct = asyncio.run(through_tunnel(playground)), asyncio.run(directly(playground))
    ratios = {name: round(tunnel[name] / direct[name], 4) for name in direct}
    return {"tunnel": tunnel, "direct": direct, "tunnel_to_direct": ratios}
