"""A ready tunnel with its real stack in a `MemoryWorld`, for tests on a virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from mix_protocol.codec import base58
from mix_protocol.topology.features import NodeFeature
from mix_tunnel.options import TunnelOptions
from mix_tunnel.runtime.driver import TunnelDriver
from mix_tunnel.runtime.tcp import TcpStream
from mix_tunnel.state import TunnelState
from mix_tunnel.streams import ByteStream
from support.memory_exit import MemoryExit
from support.memory_internet import HOST, MemoryHost
from support.memory_platform import MemoryGateway, MemoryWorld

ENTRY = 0
"""The gateway where the tunnels of these tests begin, unless they choose otherwise; exits are at others."""


class SimulatedTunnel:
    """A driver, the world around it, and what it said."""

    def __init__(self, world: MemoryWorld, host: MemoryHost, options: TunnelOptions) -> None:
        self.world = world
        self.host = host
        self.states: list[TunnelState] = []
        self.driver = TunnelDriver(options, world.platform(), self.states.append)

    @property
    def phases(self) -> list[str]:
        """The phases that the tunnel went through."""
        phases: list[str] = []
        for state in self.states:
            if not phases or phases[-1] != state.phase:
                phases.append(state.phase)
        return phases

    @property
    def reasons(self) -> list[str]:
        """Why it was connecting again, each time."""
        codes: list[str] = []
        before: object = None
        for state in self.states:
            if state.reason is not None and state.reason is not before:
                codes.append(state.reason.code)
            before = state.reason
        return codes

    @property
    def gateway(self) -> MemoryGateway:
        """The gateway that the tunnel has a connection to."""
        [gateway] = [
            gateway
            for gateway in self.world.gateways.values()
            if any(not socket.is_closed for socket in gateway.sockets)
        ]
        return gateway

    @property
    def exit(self) -> MemoryExit:
        """The exit that the tunnel has addresses from."""
        [node] = [node for node in self.world.exits if node.router.client_count]
        return node

    async def open(self, port: int) -> TcpStream:
        return await self.driver.network.connect_tcp(HOST, port)

    async def until(self, condition: Callable[[], bool], limit_s: float = 300.0) -> float:
        """Wait for something; give the seconds that it took."""
        began = self.world.now()
        async with asyncio.timeout(limit_s):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return self.world.now() - began

    async def until_noticed(self, limit_s: float = 300.0) -> float:
        return await self.until(lambda: self.driver.state.phase == "connecting", limit_s)

    async def until_ready(self, limit_s: float = 300.0) -> float:
        return await self.until(lambda: self.driver.state.phase == "ready", limit_s)


@asynccontextmanager
async def simulated_tunnel(
    *,
    exits: Sequence[int] = (1,),
    gateways: int = 3,
    loss: float = 0.0,
    seed: int = 3,
    source_bytes: int = 100_000,
    pins_gateway: bool = False,
    host: MemoryHost | None = None,
    sealed_replies: bool = False,
    features: frozenset[NodeFeature] = frozenset(NodeFeature),
    **options: Any,
) -> AsyncIterator[SimulatedTunnel]:
    """A tunnel that is ready; it is closed at the end.

    sealed_replies -- whether gateways carry them
    features -- of the exits
    """
    host = host or MemoryHost(source_bytes=source_bytes)
    world = MemoryWorld(host, loss=loss, seed=seed, gateways=gateways, sealed_replies=sealed_replies)
    for gateway in exits:
        world.add_exit(gateway, features=features)
    settings: dict[str, Any] = {
        "directory_url": "https://directory.example/api",
        "force_tls": False,
        "disable_poisson_traffic": True,
        "disable_cover_traffic": True,
        **options,
    }
    if pins_gateway:
        settings["preferred_gateway"] = base58.encode(world.gateway(ENTRY).node.identity)
    subject = SimulatedTunnel(world, host, TunnelOptions(**settings))
    await subject.driver.connect()
    try:
        yield subject
    finally:
        await subject.driver.close()
        world.stop()


async def read_all(stream: ByteStream) -> bytes:
    """Everything up to the end of a stream."""
    received = bytearray()
    while data := await stream.receive():
        received += data
    return bytes(received)
