"""Random faults, several at a time: once they are over the tunnel is ready, and no call has been left hanging."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Awaitable, Callable

import pytest
from support.memory_internet import ECHO, HOST, UDP_ECHO
from support.memory_platform import Fault
from support.simulated_tunnel import SimulatedTunnel, simulated_tunnel
from support.virtual_time import virtual_time

from mix_protocol.crypto.randomness import SeededRandom, choose, uniform
from mix_protocol.errors import MixError

CHAOS_S = 150.0
CALM_S = 180.0
SEEDS = int(os.environ.get("FAULT_SEEDS", "6"))
"""Some eight seconds each; a change of what they test deserves a few dozen."""
ENDS = {
    "tunnel.exit_changed",
    "tunnel.not_ready",
    "tcp.connect_timed_out",
    "tcp.timed_out",
    "tcp.connection_reset",
    "ip.unreachable",
    "nobody answered",
}
"""How a call may end while the tunnel breaks."""


class Chaos:
    """Breaks something now and then, and repairs it after a while."""

    def __init__(self, subject: SimulatedTunnel, seed: int) -> None:
        self.subject = subject
        self.random = SeededRandom(f"chaos {seed}")
        self.faults: list[str] = []

    async def rage(self) -> None:
        kinds: list[Callable[[float], Awaitable[None]]] = [
            self.drop,
            self.gateway_fault,
            self.restart_exit,
            self.deaf_exit,
            self.refusing_exit,
            self.lossy_mixnet,
            self.layer_gone,
            self.no_directory,
            self.sleep,
        ]
        async with asyncio.timeout(CHAOS_S * 20), asyncio.TaskGroup() as group:
            end = self.subject.world.now() + CHAOS_S
            while self.subject.world.now() < end:
                await asyncio.sleep(20 * uniform(self.random))
                kind = choose(self.random, kinds)
                self.faults.append(kind.__name__)
                group.create_task(kind(1 + 40 * uniform(self.random) ** 2))

    async def drop(self, lasts_s: float) -> None:
        for gateway in self.subject.world.gateways.values():
            gateway.drop_all()

    async def gateway_fault(self, lasts_s: float) -> None:
        gateway = choose(self.random, list(self.subject.world.gateways.values()))
        gateway.fault = choose(self.random, [fault for fault in Fault if fault is not Fault.IMPOSTOR])
        if uniform(self.random) < 0.5:
            gateway.drop_all()
        await asyncio.sleep(lasts_s)
        gateway.fault = None
        if uniform(self.random) < 0.5:
            gateway.registry._records.clear()
            gateway.drop_all()

    async def restart_exit(self, lasts_s: float) -> None:
        choose(self.random, self.subject.world.exits).restart()

    async def deaf_exit(self, lasts_s: float) -> None:
        node = choose(self.random, self.subject.world.exits)
        node.is_deaf = True
        await asyncio.sleep(lasts_s)
        node.is_deaf = False

    async def refusing_exit(self, lasts_s: float) -> None:
        node = choose(self.random, self.subject.world.exits)
        node.restart()
        node.router.refuse_clients("full")
        await asyncio.sleep(lasts_s)
        node.router.refuse_clients(None)

    async def lossy_mixnet(self, lasts_s: float) -> None:
        self.subject.world.network.loss = 0.3 * uniform(self.random)
        await asyncio.sleep(lasts_s)
        self.subject.world.network.loss = 0.0

    async def layer_gone(self, lasts_s: float) -> None:
        network = self.subject.world.network
        layer = choose(self.random, network.topology.layers)
        held = {key: value for key, value in network._secrets.items() if key[0] in {node.address for node in layer}}
        for node in layer:
            network.kill(node.address)
        await asyncio.sleep(lasts_s)
        network._secrets |= held

    async def no_directory(self, lasts_s: float) -> None:
        self.subject.world.is_reachable = False
        await asyncio.sleep(lasts_s)
        self.subject.world.is_reachable = True

    async def sleep(self, lasts_s: float) -> None:
        gateway = choose(self.random, list(self.subject.world.gateways.values()))
        if uniform(self.random) < 0.7:
            for socket in list(gateway.sockets):
                socket.cut()
        if uniform(self.random) < 0.5:
            self.subject.world.asleep_s += 20 * lasts_s
        else:
            asyncio.get_running_loop()._jumping.now += 20 * lasts_s  # type: ignore[attr-defined]


class Caller:
    """Uses the tunnel all the time, as programs do; counts how its calls end."""

    def __init__(self, subject: SimulatedTunnel) -> None:
        self.subject = subject
        self.succeeded = 0
        self.failed: list[str] = []
        self.is_stopping = False

    async def run(self, call: Callable[[], Awaitable[None]]) -> None:
        while not self.is_stopping:
            try:
                await call()
            except MixError as error:
                self.failed.append(error.code)
            else:
                self.succeeded += 1
            await asyncio.sleep(0.5)

    async def echo(self) -> None:
        stream = await self.subject.open(ECHO)
        try:
            for number in range(5):
                data = bytes([number]) * 3000
                await stream.send(data)
                received = b""
                while len(received) < len(data):
                    piece = await stream.receive()
                    assert piece, "the other side does not close"
                    received += piece
                assert received == data
                await asyncio.sleep(1)
        finally:
            await stream.aclose()

    async def datagram(self) -> None:
        socket = self.subject.driver.network.open_udp()
        try:
            async with asyncio.timeout(30):
                await socket.send(b"question", HOST, UDP_ECHO)
                assert (await socket.receive())[0] == b"question"
        except TimeoutError:
            self.failed.append("nobody answered")
        finally:
            socket.close()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_after_the_faults_the_tunnel_is_ready_and_nothing_hangs(seed: int):
    @virtual_time
    async def run() -> None:
        gc.collect()
        async with simulated_tunnel(exits=(1, 2), seed=seed, reconnect_timeout_ms=3_600_000) as subject:
            chaos, caller = Chaos(subject, seed), Caller(subject)
            calls = [caller.echo, caller.echo, caller.echo, caller.datagram]
            callers = [asyncio.create_task(caller.run(call)) for call in calls]
            await chaos.rage()
            story = f"faults: {chaos.faults}; ended with: {caller.failed}"
            await subject.until_ready(CALM_S)
            caller.is_stopping = True
            done, hanging = await asyncio.wait(callers, timeout=CALM_S)
            for task in done:
                task.result()
            assert not hanging, story
            assert set(caller.failed) <= ENDS, story
            await subject.until_ready(CALM_S)
            before = caller.succeeded
            await asyncio.wait_for(caller.echo(), 60)
            assert caller.succeeded == before
            # Nothing piles up: closed connections are gone, what was sent has been acknowledged or given up.
            await asyncio.sleep(200)
            session = subject.driver._session
            assert session is not None
            assert subject.driver.network._stack is not None
            assert subject.driver.network._stack.connection_count == 0
            assert session.engine.mixnet.queued == 0
            assert len(session.engine.mixnet._outbox._pending) <= 2
            assert len(session.engine.mixnet._sender_tags) <= 1
            assert not subject.driver.network._sockets or all(
                socket._socket is None for socket in subject.driver.network._sockets
            )

    run()
