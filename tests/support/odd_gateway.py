"""A gateway's door that stands before the real one: it may speak TLS, and say something else than the gateway said."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

Message = dict[str, Any]


@dataclass
class Session:
    """A client's connection, and what the client said in it."""

    tls: bool
    heard: list[Message] = field(default_factory=list)
    frame_kinds: set[int] = field(default_factory=set)


@dataclass
class OddGateway:
    """A running door, and all that clients said through it."""

    port: int = 0
    tls_port: int = 0
    change: Callable[[Message], None] = lambda message: None
    """Changes a text message of the gateway, in place."""
    drops: Callable[[bytes], bool] = lambda frame: False
    """Which binary frames of the gateway get lost."""
    sessions: list[Session] = field(default_factory=list)
    """Connections, the newest last."""

    @property
    def heard(self) -> list[Message]:
        """What clients said in text, in all connections."""
        return [message for session in self.sessions for message in session.heard]

    @property
    def frame_kinds(self) -> set[int]:
        """The kinds of binary frames that clients sent."""
        return {kind for session in self.sessions for kind in session.frame_kinds}


@asynccontextmanager
async def odd_gateway(upstream: Callable[[], str], context: ssl.SSLContext) -> AsyncIterator[OddGateway]:
    """Stand before the gateway at `upstream()`, a ws URL, on two free ports of 127.0.0.1, one of them with TLS."""
    door = OddGateway()

    async def outwards(client: ServerConnection, gateway: Any, session: Session) -> None:
        async for frame in client:
            if isinstance(frame, str):
                session.heard.append(json.loads(frame))
            else:
                session.frame_kinds.add(frame[0])
            await gateway.send(frame)
        await gateway.close()

    async def inwards(client: ServerConnection, gateway: Any) -> None:
        async for frame in gateway:
            if isinstance(frame, str):
                message = json.loads(frame)
                door.change(message)
                await client.send(json.dumps(message))
            elif not door.drops(frame):
                await client.send(frame)
        await client.close()

    async def pass_on(client: ServerConnection, *, tls: bool = False) -> None:
        session = Session(tls)
        door.sessions.append(session)
        with contextlib.suppress(ConnectionClosed):
            async with connect(upstream(), max_size=None, compression=None) as gateway:
                await asyncio.gather(outwards(client, gateway, session), inwards(client, gateway))

    async def pass_on_tls(client: ServerConnection) -> None:
        await pass_on(client, tls=True)

    async with (
        serve(pass_on, "127.0.0.1", 0, max_size=None) as plain,
        serve(pass_on_tls, "127.0.0.1", 0, max_size=None, ssl=context) as secured,
    ):
        door.port = next(iter(plain.sockets)).getsockname()[1]
        door.tls_port = next(iter(secured.sockets)).getsockname()[1]
        yield door
