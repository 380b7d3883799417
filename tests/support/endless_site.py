"""A TCP server that sends one piece after the other until it is told to end, and then says how many those were."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from support.servers import pattern

_PIECE = pattern(20_000)


@dataclass
class EndlessSite:
    port: int
    asked: list[int] = field(default_factory=list)

    def check(self, received: bytes | bytearray) -> None:
        """Whether that is everything, once and in order."""
        pieces = int(received[-8:])
        assert received[:-8] == _PIECE * pieces


@asynccontextmanager
async def endless_site(ended: asyncio.Event, pause_s: float = 0.1) -> AsyncIterator[EndlessSite]:
    site = EndlessSite(0)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        site.asked.append(1)
        pieces = 0
        while not ended.is_set():
            writer.write(_PIECE)
            await writer.drain()
            pieces += 1
            await asyncio.sleep(pause_s)
        writer.write(b"%08d" % pieces)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    site.port = server.sockets[0].getsockname()[1]
    async with server:
        yield site
