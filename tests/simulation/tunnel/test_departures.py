"""When packets leave a tunnel with the default cover traffic: by a Poisson process, whatever the tunnel is used for."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest
from support.memory_internet import ECHO, SINK, SOURCE, pattern
from support.memory_platform import MemoryWebSocket
from support.simulated_tunnel import SimulatedTunnel, read_all, simulated_tunnel
from support.virtual_time import virtual_time

MEAN_S = 1 / (1 / 0.020 + 1 / 0.200)
"""The main stream and the stream of loop cover together."""
WATCHED_S = 25.0


async def idle(subject: SimulatedTunnel) -> None:
    await asyncio.sleep(WATCHED_S)


async def download(subject: SimulatedTunnel) -> None:
    while True:
        stream = await subject.open(SOURCE)
        await read_all(stream)


async def upload(subject: SimulatedTunnel) -> None:
    stream = await subject.open(SINK)
    while True:
        await stream.send(pattern(20_000))


async def chat(subject: SimulatedTunnel) -> None:
    stream = await subject.open(ECHO)
    while True:
        await stream.send(b"hello")
        await stream.receive()
        await asyncio.sleep(0.7)


def kolmogorov_smirnov(gaps: list[float], mean: float) -> float:
    """The probability that gaps of an exponential distribution lie further from it than these do (asymptotically)."""
    count = len(gaps)
    distance = 0.0
    for position, gap in enumerate(sorted(gaps)):
        expected = -math.expm1(-gap / mean)
        distance = max(distance, expected - position / count, (position + 1) / count - expected)
    size = (math.sqrt(count) + 0.12 + 0.11 / math.sqrt(count)) * distance
    return min(1.0, 2 * sum((-1) ** (k - 1) * math.exp(-2 * (k * size) ** 2) for k in range(1, 101)))


@pytest.mark.parametrize("use", [idle, download, upload, chat])
@virtual_time
async def test_gaps_between_packets_are_exponential(use: Callable[[SimulatedTunnel], Awaitable[None]]):
    async with simulated_tunnel(disable_poisson_traffic=False, disable_cover_traffic=False) as subject:
        departures: list[float] = []
        original = MemoryWebSocket.send

        async def send(socket: MemoryWebSocket, frame: str | bytes) -> None:
            departures.append(subject.world.now())
            await original(socket, frame)

        MemoryWebSocket.send = send  # type: ignore[method-assign]
        try:
            using = asyncio.ensure_future(use(subject))
            await asyncio.sleep(WATCHED_S)
        finally:
            MemoryWebSocket.send = original  # type: ignore[method-assign]
            using.cancel()
            await asyncio.gather(using, return_exceptions=True)
        stats = subject.driver.stats()
        assert (stats.real_packets_sent > 50) == (use is not idle)
    gaps = [after - before for before, after in pairwise(departures)]
    assert abs(len(gaps) * MEAN_S / WATCHED_S - 1.0) < 0.08
    assert kolmogorov_smirnov(gaps, MEAN_S) > 0.01


def test_the_measure_sees_a_regular_beat_and_late_packets():
    assert kolmogorov_smirnov([MEAN_S] * 2000, MEAN_S) < 1e-6
    exponential = [-math.log((n + 0.5) / 2000) * MEAN_S for n in range(2000)]
    assert kolmogorov_smirnov(exponential, MEAN_S) > 0.9
    assert kolmogorov_smirnov([max(gap, 0.0015) for gap in exponential], MEAN_S) < 0.01
