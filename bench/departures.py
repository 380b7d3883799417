"""When packets really leave, natively and in a page, with the default cover traffic: idle, and while somebody browses.

They should leave by a Poisson process whatever else there is to compute. `distance` is Kolmogorov and Smirnov's, of the
gaps between packets from the exponential distribution; `auc` tells how well the spread of the gaps in windows of some
seconds tells browsing from idling (0.5: not at all, 1 or 0: always).
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from statistics import mean, pstdev
from typing import Any

from support.chromium import chromium, new_context

from bench.playground import Playground
from mix_tunnel.options import TunnelOptions
from mix_tunnel.platform.native import NativeWebSocket
from mix_tunnel.runtime.http.request import HttpRequest
from mix_tunnel.tunnel import Tunnel

WATCHED_S = 80
ROUNDS = 4
"""Idling and browsing take turns, so that other work on the machine falls on both alike."""
WINDOWS_S = (1, 5)
PAGE_PAUSE_S = 2.0
OBJECTS = (20_000, 3_000, 50_000, 1_000)
"""What somebody who browses fetches for each page, in bytes."""

# Runs in the page's worker: notes when each frame is handed to the browser.
_WATCH = """
() => {
  const send = WebSocket.prototype.send;
  self.sentAt = [];
  WebSocket.prototype.send = function (data) {
    self.sentAt.push(performance.now() / 1000);
    return send.call(this, data);
  };
}
"""
_TAKE = "() => self.sentAt.splice(0)"
_SET_UP = """
async (options) => {
  const { setupMixTunnel, mixFetch } = await import("/mix-fetch/index.js");
  await setupMixTunnel({ ...options, directoryUrl: location.origin + "/api" });
  self.browse = async (urls, seconds, pause) => {
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end) {
      await Promise.all(urls.map(async (url) => (await mixFetch(url)).arrayBuffer()));
      await new Promise((resolve) => setTimeout(resolve, pause * 1000));
    }
  };
}
"""


def measure(playground: Playground) -> dict[str, Any]:
    """All of the figures."""
    return {
        "native": summary(*asyncio.run(watch_native(playground))),
        "page": summary(*watch_page(playground)),
    }


async def watch_native(playground: Playground) -> tuple[list[list[float]], list[list[float]]]:
    """When frames left this process, round by round: idle, and browsing."""
    sent: list[float] = []
    try_send, send = NativeWebSocket.try_send, NativeWebSocket.send

    def note_try(socket: NativeWebSocket, frame: str | bytes) -> bool:
        if is_sent := try_send(socket, frame):
            sent.append(time.monotonic())
        return is_sent

    async def note(socket: NativeWebSocket, frame: str | bytes) -> None:
        await send(socket, frame)
        sent.append(time.monotonic())

    NativeWebSocket.try_send, NativeWebSocket.send = note_try, note  # type: ignore[method-assign]
    options = TunnelOptions(directory_url=playground.directory_url, ca_certificates=playground.ca_certificates)
    async with await Tunnel.connect(options) as tunnel:

        async def fetch(url: str) -> None:
            response = await tunnel.http.fetch(HttpRequest("GET", url))
            while await response.read():
                pass

        async def browse() -> None:
            while True:
                await asyncio.gather(*map(fetch, urls(playground)))
                await asyncio.sleep(PAGE_PAUSE_S)

        async def watch(use: Callable[[], Awaitable[object]]) -> list[float]:
            sent.clear()
            using = asyncio.ensure_future(use())
            await asyncio.sleep(WATCHED_S / ROUNDS)
            using.cancel()
            await asyncio.gather(using, return_exceptions=True)
            return list(sent)

        idle, busy = [], []
        for _ in range(ROUNDS):
            idle.append(await watch(lambda: asyncio.sleep(WATCHED_S)))
            busy.append(await watch(browse))
        return idle, busy


def watch_page(playground: Playground) -> tuple[list[list[float]], list[list[float]]]:
    """When frames left a page's worker, round by round: idle, and browsing."""
    with chromium() as browser:
        page = new_context(browser).new_page()
        page.goto(playground.url)
        page.evaluate(_SET_UP, {"caCertificates": list(playground.ca_certificates)})
        worker = page.workers[0]
        worker.evaluate(_WATCH)
        idle, busy = [], []
        for _ in range(ROUNDS):
            worker.evaluate(_TAKE)
            page.wait_for_timeout(1000 * WATCHED_S / ROUNDS)
            idle.append(worker.evaluate(_TAKE))
            page.evaluate(
                "([urls, seconds, pause]) => self.browse(urls, seconds, pause)",
                [urls(playground), WATCHED_S / ROUNDS, PAGE_PAUSE_S],
            )
            busy.append(worker.evaluate(_TAKE))
        return idle, busy


def urls(playground: Playground) -> list[str]:
    """What one page takes."""
    return [f"{playground.https}/bytes/{size}" for size in OBJECTS]


def summary(idle: list[list[float]], busy: list[list[float]]) -> dict[str, Any]:
    """The figures of one client."""
    return {
        "idle": _figures(idle),
        "browsing": _figures(busy),
        "auc": {
            f"{window_s}_s": round(auc(spreads(idle, window_s), spreads(busy, window_s)), 3) for window_s in WINDOWS_S
        },
    }


def _figures(rounds: list[list[float]]) -> dict[str, float]:
    gaps = [after - before for times in rounds for before, after in pairwise(times)]
    return {"per_second": round(1 / mean(gaps), 1), "distance": round(distance(gaps), 4)}


def distance(gaps: list[float]) -> float:
    """How far gaps are from the exponential distribution of their mean, at most."""
    average, count = mean(gaps), len(gaps)
    expected = [-math.expm1(-gap / average) for gap in sorted(gaps)]
    return max(max(value - at / count, (at + 1) / count - value) for at, value in enumerate(expected))


def spreads(rounds: list[list[float]], window_s: float) -> list[float]:
    """The standard deviation of the gaps in each window."""
    found = []
    for times in rounds:
        windows: dict[int, list[float]] = {}
        for at in times:
            windows.setdefault(int((at - times[0]) / window_s), []).append(at)
        for window in list(windows.values())[:-1]:
            gaps = [after - before for before, after in pairwise(window)]
            if len(gaps) > 1:
                found.append(pstdev(gaps))
    return found


def auc(idle: list[float], busy: list[float]) -> float:
    """The probability that a busy window has the larger figure."""
    larger = sum((one > other) + 0.5 * (one == other) for one in busy for other in idle)
    return larger / (len(idle) * len(busy))
