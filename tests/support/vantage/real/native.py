"""The native client, idle and busy by turns."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from mix_protocol.crypto.randomness import exponential, uniform_below
from mix_tunnel.options import TunnelOptions
from mix_tunnel.runtime.http.request import HttpRequest
from mix_tunnel.tunnel import Tunnel
from support.vantage.real.rounds import SETTLING_S, Round

_CHUNK = bytes(200_000)

Activity = Callable[[Tunnel, Mapping[str, Any]], Awaitable[object]]


async def run(world: Mapping[str, Any], plan: Sequence[str], seconds: float) -> list[Round]:
    """Do what the plan says, each for so many seconds; gives when each was done."""
    options = TunnelOptions(
        directory_url=world["directory"],
        preferred_gateway=world["gateway"],
        ca_certificates=(world["authority"],),
    )
    rounds = []
    async with await Tunnel.connect(options) as tunnel:
        await asyncio.sleep(SETTLING_S)
        for name in plan:
            async with _during(ACTIVITIES[name](tunnel, world)):
                await asyncio.sleep(SETTLING_S)
                began = time.time()
                await asyncio.sleep(seconds)
                rounds.append(Round(name, began, time.time()))
        await asyncio.sleep(SETTLING_S)
    return rounds


@asynccontextmanager
async def _during(activity: Awaitable[object]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(activity)
    try:
        yield
        if task.done():
            task.result()
            raise RuntimeError("an activity came to its end")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def idle(tunnel: Tunnel, world: Mapping[str, Any]) -> None:
    """Nothing."""
    await asyncio.Event().wait()


async def browsing(tunnel: Tunnel, world: Mapping[str, Any]) -> None:
    """Pages of 1 to 6 objects of about 20 kB each, a few seconds between them."""
    while True:
        sizes = [200 + round(exponential(os.urandom, 20_000.0)) for _ in range(1 + uniform_below(os.urandom, 6))]
        await asyncio.gather(*(_fetch(tunnel, f"{world['https']}/bytes/{size}") for size in sizes))
        await asyncio.sleep(exponential(os.urandom, 3.0))


async def download(tunnel: Tunnel, world: Mapping[str, Any]) -> None:
    """One transfer without an end."""
    await _fetch(tunnel, f"{world['https']}/endless")


async def upload(tunnel: Tunnel, world: Mapping[str, Any]) -> None:
    """One body of 200 kB after the other."""
    while True:
        await _fetch(tunnel, f"{world['https']}/digest", _CHUNK)


async def websocket(tunnel: Tunnel, world: Mapping[str, Any]) -> None:
    """Messages of up to 500 bytes there and back, a few a second."""
    async with await tunnel.connect_websocket(world["wss"]) as connection:
        while True:
            await connection.send(bytes(20 + uniform_below(os.urandom, 480)))
            await connection.recv()
            await asyncio.sleep(exponential(os.urandom, 0.3))


async def _fetch(tunnel: Tunnel, url: str, body: bytes | None = None) -> None:
    response = await tunnel.http.fetch(HttpRequest("POST" if body else "GET", url, body=body))
    try:
        while await response.read():
            pass
    finally:
        await response.aclose()


ACTIVITIES: dict[str, Activity] = {
    "idle": idle,
    "browsing": browsing,
    "download": download,
    "upload": upload,
    "WebSocket": websocket,
}
