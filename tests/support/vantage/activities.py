"""What people do with a tunnel, for as long as one looks; each over real TCP in the simulated network."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Coroutine

from mix_protocol.crypto.randomness import RandomBytes, exponential, uniform_below
from mix_protocol.netstack.tcp.connection import TcpConnection
from mix_tunnel.runtime.tcp import TcpStream
from support.memory_internet import MemoryHost
from support.simulated_tunnel import SimulatedTunnel

SITE = 80
_ORDER = struct.Struct(">II")
_ENDLESS = 0xFFFF_FFFF
_CHUNK = bytes(32_768)

Activity = Callable[[SimulatedTunnel, RandomBytes], Coroutine[None, None, None]]


class SiteHost(MemoryHost):
    """A host with one more service: told how much is to come and how much it shall answer, it does so, again and
    again over each connection."""

    def __init__(self) -> None:
        super().__init__(source_bytes=0)
        self._orders: dict[TcpConnection, tuple[int, int]] = {}
        self._listen(SITE, self._serve)

    def _serve(self, connection: TcpConnection) -> None:
        while True:
            incoming, outgoing = self._orders.get(connection, (0, 0))
            if incoming:
                incoming -= len(connection.receive(min(incoming, len(_CHUNK))))
            elif outgoing:
                outgoing -= connection.send(_CHUNK[: min(outgoing, connection.send_capacity)])
            elif connection.receivable >= _ORDER.size:
                incoming, outgoing = _ORDER.unpack(connection.receive(_ORDER.size))
            if self._orders.get(connection) == (incoming, outgoing) or not (incoming or outgoing):
                break
            self._orders[connection] = incoming, outgoing
        if connection.at_eof:
            self._orders.pop(connection, None)
            connection.close()


async def idle(tunnel: SimulatedTunnel, random: RandomBytes) -> None:
    """Nothing."""
    await asyncio.Event().wait()


async def browsing(tunnel: SimulatedTunnel, random: RandomBytes) -> None:
    """Pages of 1 to 6 objects of about 20 kB each, a few seconds between them."""
    while True:
        async with asyncio.TaskGroup() as page:
            for _ in range(1 + uniform_below(random, 6)):
                size = 200 + round(exponential(random, 20_000.0))
                page.create_task(_exchange(await tunnel.open(SITE), 400 + uniform_below(random, 500), size))
        await asyncio.sleep(exponential(random, 3.0))


async def download(tunnel: SimulatedTunnel, random: RandomBytes) -> None:
    """One transfer without an end."""
    stream = await tunnel.open(SITE)
    await stream.send(_ORDER.pack(0, _ENDLESS))
    while await stream.receive():
        pass


async def upload(tunnel: SimulatedTunnel, random: RandomBytes) -> None:
    """One transfer without an end, the other way."""
    stream = await tunnel.open(SITE)
    await stream.send(_ORDER.pack(_ENDLESS, 0))
    while True:
        await stream.send(_CHUNK)


async def websocket(tunnel: SimulatedTunnel, random: RandomBytes) -> None:
    """Messages of up to 500 bytes each way, a few a second."""
    stream = await tunnel.open(SITE)
    while True:
        incoming, outgoing = (20 + uniform_below(random, 480) for _ in range(2))
        await stream.send(_ORDER.pack(incoming, outgoing) + bytes(incoming))
        left = outgoing
        while left:
            left -= len(await stream.receive())
        await asyncio.sleep(exponential(random, 0.3))


async def _exchange(stream: TcpStream, incoming: int, outgoing: int) -> None:
    await stream.send(_ORDER.pack(incoming, outgoing) + bytes(incoming))
    left = outgoing
    while left:
        left -= len(await stream.receive())
    await stream.aclose()


ACTIVITIES: dict[str, Activity] = {
    "idle": idle,
    "browsing": browsing,
    "download": download,
    "upload": upload,
    "WebSocket": websocket,
}
BUSY = tuple(name for name in ACTIVITIES if name != "idle")
