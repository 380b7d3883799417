"""What the size of TCP's buffers does to one connection: it bounds what is on its way during a round trip.

The sizes take turns, so that what else the machine does meets all of them alike.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from statistics import median
from typing import Any

from bench.playground import MEGABYTE, Playground
from mix_tunnel.options import TunnelOptions
from mix_tunnel.runtime.http.request import HttpRequest
from mix_tunnel.tunnel import Tunnel

SIZES_KIB = (64, 128, 256, 512)
ROUNDS = 5
TRANSFER_BYTES = MEGABYTE


async def measure_sizes(playground: Playground) -> dict[str, Any]:
    async with contextlib.AsyncExitStack() as stack:
        tunnels = {}
        for size in SIZES_KIB:
            options = TunnelOptions(
                directory_url=playground.directory_url,
                ca_certificates=playground.ca_certificates,
                client_id=f"buffers {size}",
                disable_cover_traffic=True,
                disable_poisson_traffic=True,
                tcp_buffer_size=size * 1024,
            )
            tunnels[size] = await stack.enter_async_context(await Tunnel.connect(options))
        rates: dict[int, dict[str, list[float]]] = {size: {"download": [], "upload": []} for size in SIZES_KIB}
        for _ in range(ROUNDS):
            for size, tunnel in tunnels.items():
                for way, request in requests(playground.https).items():
                    rates[size][way].append(await transfer(tunnel, request))
        return {
            f"{size}_KiB": {f"{way}_kB_per_s": round(median(each), 1) for way, each in ways.items()}
            | {"round_trip_ms": round(tunnels[size].stats().round_trip_ms or 0.0, 1)}
            for size, ways in rates.items()
        }


def requests(base: str) -> dict[str, HttpRequest]:
    return {
        "download": HttpRequest("GET", f"{base}/bytes/{TRANSFER_BYTES}"),
        # PUT may be sent again when the server has just closed the connection, which waited for its turn.
        "upload": HttpRequest("PUT", f"{base}/echo", body=bytes(TRANSFER_BYTES)),
    }


async def transfer(tunnel: Tunnel, request: HttpRequest) -> float:
    """Send a request and read its whole answer; gives kB/s."""
    start = time.perf_counter()
    response = await tunnel.http.fetch(request)
    while await response.read():
        pass
    return TRANSFER_BYTES / 1000 / (time.perf_counter() - start)


def measure(playground: Playground) -> dict[str, Any]:
    """Throughput by buffer size."""
    return asyncio.run(measure_sizes(playground))
