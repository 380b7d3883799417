"""The check of the simulation: real clients in processes, through a real network's sockets, judged in the same way.

Two cores don't carry a hundred clients at their usual rate. So everything that is drawn at random, packets' moments and
delays, takes `SCALE` times as long. That changes no entropy: as many packets meet in a mix as before.

`LocalNetwork` has all nodes in one process and follows packets for a picture, which no other network can. Here that is
written down as a trace.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from typing import Any, Final

from mix_network import local_network
from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions
from mix_network.status_page.route_tracer import RouteTracer
from mix_protocol.sphinx.geometry import PacketSize
from research.anonymity.measure import LAYERS, any_packets, entropy_in
from research.anonymity.simulate import SETTLING_S, Scene, simulate
from research.anonymity.trace import FROM_NODE, Recorder, Trace

SCALE: Final = 50.0
PROCESSES: Final = 2
MESSAGES: Final = 200
_MIXES_PER_LAYER, _GATEWAYS = 3, 2
_REGULAR: Final = PacketSize.REGULAR.packet_length
_READY_S: Final = 600.0
_LAST_S: Final = 0.3
"""By then, times `SCALE`, what was sent has come."""


class TraceWriter(RouteTracer):
    """Notes every packet of regular size at every node.

    What leaves a node is noted when it comes to the next one, a millisecond later. Who sent it is known by the task
    that serves the client's connection.
    """

    def __init__(self) -> None:
        super().__init__()
        self.record = Recorder()
        self.clients: dict[int, int] = {}
        self._under_way: dict[bytes, tuple[int, int | None]] = {}
        self._numbers_of: dict[str, int] = {}

    def started(self, node: str, packet: bytes, now: float, *, is_cover: bool = False) -> None:
        if len(packet) == _REGULAR:
            self._under_way[packet] = self.record.made(self._maker(), now), None

    def passed(self, node: str, packet: bytes, following: bytes | None, now: float) -> None:
        number, before = self._under_way.pop(packet, (None, None))
        if number is None:
            return
        if before is not None:
            self.record.left(number, before, now)
        here = self._numbers_of.setdefault(node, len(self._numbers_of))
        if following is None:
            self.record.came_to_its_end(number, here, now)
            return
        self.record.came(number, here, now)
        self._under_way[following] = number, here

    def _maker(self) -> int:
        task = asyncio.current_task()
        if task is None:
            return FROM_NODE  # an exit's reply, which leaves in a turn of its own
        return self.clients.setdefault(id(task), len(self.clients))


async def record_real(clients: int, seconds: float, say: Callable[[str], None]) -> tuple[Trace, int, float, float]:
    """The trace of so many real clients; also how many connections sent something, and the span to be judged."""
    writer = TraceWriter()
    local_network.RouteTracer = lambda: writer  # type: ignore[assignment, attr-defined]
    options = NetworkOptions(mixes=f"3x{_MIXES_PER_LAYER}", entries=_GATEWAYS, exits=_GATEWAYS, node_cover=0.0)
    async with LocalNetwork(options) as network, contextlib.AsyncExitStack() as stack:
        loop = asyncio.get_running_loop()
        shares = [clients * part // PROCESSES for part in range(PROCESSES + 1)]
        counts = [end - first for first, end in itertools.pairwise(shares)]
        processes = [await stack.enter_async_context(_clients(network.directory_url, count)) for count in counts]
        async with asyncio.timeout(_READY_S):
            told = await asyncio.gather(*(_ready(process) for process in processes))
        say(f"{sum(told)} clients are ready")
        begin = loop.time() + SETTLING_S * SCALE
        await asyncio.sleep((SETTLING_S + _LAST_S) * SCALE + seconds)
        return writer.record.trace(), len(writer.clients), begin, begin + seconds


@contextlib.asynccontextmanager
async def _clients(directory_url: str, count: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process with so many."""
    command = [sys.executable, "-m", "research.anonymity.real_clients", directory_url, str(count), str(SCALE)]
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    assert process.stdin is not None
    try:
        yield process
    finally:
        process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(30.0):
                await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _ready(process: asyncio.subprocess.Process) -> int:
    """Wait until all of a process are; gives how many that is."""
    assert process.stdout is not None
    return int(json.loads(await process.stdout.readline())["ready"])


def compare(clients: int, seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Real clients beside simulated ones."""
    trace, connections, begin, end = asyncio.run(record_real(clients, seconds, say))
    scene = Scene(clients, 3 * _MIXES_PER_LAYER, _GATEWAYS, _GATEWAYS, seconds=seconds / SCALE + _LAST_S)
    run = simulate(scene)
    layers = range(1, LAYERS + 1)
    real = any_packets(trace, begin, end, MESSAGES)
    simulated = any_packets(run.trace, SETTLING_S, SETTLING_S + seconds / SCALE, MESSAGES)
    sent = ((trace.maker != FROM_NODE) & (trace.made_at >= begin) & (trace.made_at < end)).sum()
    return {
        "clients": clients,
        "connections": connections,
        "scale": SCALE,
        "seconds": seconds,
        "packets_per_client_s": float(sent) / seconds / clients,
        "real": [asdict(entropy_in(trace, connections, real, layer)) for layer in layers],
        "simulated": [asdict(entropy_in(run.trace, clients, simulated, layer)) for layer in layers],
    }
