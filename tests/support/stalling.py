"""A site that stops at a stage of the caller's choice, for good: so whatever ends a request, it is not the server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field

from support.http_server import Conversation, serve_conversations
from support.ports import port_of_both_kinds
from support.tls_server import serve

STAGES = ("dns", "tcp", "tls", "headers", "body")
NAME = "stalls.test"


@dataclass
class StallingSite:
    """Where to stall, and who has come so far."""

    reached: list[str] = field(default_factory=list)
    """Stages that requests have come to; "tcp" is seen at the exit only."""
    ports: dict[str, int] = field(default_factory=dict)

    def url(self, stage: str) -> str:
        """A URL whose request goes no further than this stage."""
        host = NAME if stage == "dns" else "127.0.0.1"
        scheme = "https" if stage == "tls" else "http"
        return f"{scheme}://{host}:{self.ports.get(stage, 80) if stage != 'dns' else 80}/"

    @property
    def name_server(self) -> str:
        """The resolver that never answers, over UDP; over TCP at the same address it does not answer either."""
        return f"127.0.0.1:{self.ports['dns']}"


class _SilentNameServer(asyncio.DatagramProtocol):
    def __init__(self, site: StallingSite) -> None:
        self._site = site

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self._site.reached.append("dns")


@asynccontextmanager
async def stalling_site() -> AsyncIterator[StallingSite]:
    """Run every server until the block ends."""
    site = StallingSite()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stage: str) -> None:
        await reader.read(1)
        site.reached.append(stage)
        await reader.read()

    async def take_request(conversation: Conversation) -> None:
        await conversation.request()
        site.reached.append("headers")
        await conversation.reader.read()

    async def send_half(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        site.reached.append("body")
        await conversation.reader.read()

    async with AsyncExitStack() as stack:
        site.ports["dns"], datagrams = stack.enter_context(port_of_both_kinds())
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _SilentNameServer(site), sock=datagrams)
        stack.callback(transport.close)
        await stack.enter_async_context(serve(lambda r, w: listen(r, w, "dns"), port=site.ports["dns"]))
        site.ports["tcp"] = stack.enter_context(_full_backlog())
        site.ports["tls"] = await stack.enter_async_context(serve(lambda r, w: listen(r, w, "tls")))
        site.ports["headers"] = (await stack.enter_async_context(serve_conversations(take_request))).port
        site.ports["body"] = (await stack.enter_async_context(serve_conversations(send_half))).port
        yield site


class _full_backlog:
    """A port that drops every SYN, because as many connections as it keeps wait to be accepted."""

    def __enter__(self) -> int:
        self._sockets = [socket.create_server(("127.0.0.1", 0), backlog=0)]
        address = self._sockets[0].getsockname()
        self._sockets.append(socket.create_connection(address))  # there is room for one
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(address)
            self._sockets.append(filler)
        return address[1]

    def __exit__(self, *_: object) -> None:
        for each in reversed(self._sockets):
            with closing(each):
                pass
