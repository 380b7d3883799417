"""Where clients connect: the WebSocket server of a gateway."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.protocol import State

from mix_network.connection_table import ConnectionTable
from mix_network.errors import PortUnavailable
from mix_network.gateway.accepted_connection import AcceptedConnection
from mix_network.gateway.client_connection import ClientConnection, ClientLimits
from mix_network.gateway.delivery import Delivery
from mix_network.gateway.rate_limits import RateLimiter
from mix_network.gateway.sessions import SessionStatistics
from mix_network.gateway.terms import GatewayTerms
from mix_network.links.line import LinkEmulation
from mix_network.metrics import NodeMetrics
from mix_network.node_keys import IdentityKeys
from mix_network.origins import Origins
from mix_network.presence import PresentTime
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.gateway.registry import ClientRegistry
from mix_protocol.gateway.server import GatewaySession
from mix_protocol.sphinx.mix_packet import MixPacket

_UNPROVEN_SHARE = 4

# What strangers send to a port is not news, and `websockets` would log each of their mistakes with a traceback.
_silent = logging.getLogger(f"{__name__}.websockets")
_silent.addHandler(logging.NullHandler())
_silent.propagate = False


class ClientListener:
    """The WebSocket server of a gateway.

    forward -- takes the packets that clients hand in
    links -- what the ways to clients are like
    origins -- whose pages may come; None lets all of them in
    terms -- what clients may do
    """

    def __init__(
        self,
        crypto: CryptoProvider,
        random: RandomBytes,
        identity: IdentityKeys,
        registry: ClientRegistry,
        delivery: Delivery,
        metrics: NodeMetrics,
        *,
        forward: Callable[[MixPacket], None],
        wall_clock: Callable[[], float],
        limits: ClientLimits | None = None,
        links: LinkEmulation | None = None,
        origins: Origins | None = None,
        terms: GatewayTerms | None = None,
    ) -> None:
        self.delivery = delivery
        self.metrics = metrics
        self.forward = forward
        self.limits = limits or ClientLimits()
        terms = terms or GatewayTerms()
        self.session_config = terms.session_config()
        self.rate_limiter = RateLimiter(terms.rates)
        self.sessions = SessionStatistics(wall_clock)
        self.links = links or LinkEmulation()
        self._crypto = crypto
        self._random = random
        self._identity = identity
        self._registry = registry
        self._wall_clock = wall_clock
        self.unsent_bytes = 0
        self._clients: set[ClientConnection] = set()
        self._server: Server | None = None
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self._origins = origins or Origins(only_local=False, any_host=True)
        unproven = max(1, self.limits.connections // _UNPROVEN_SHARE)
        self.presence = PresentTime()
        self.connections = ConnectionTable(
            max_unproven=unproven,
            max_proven=max(1, self.limits.connections - unproven),
            on_dropped=lambda: metrics.drop("too_many_connections"),
        )

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port. Raises `PortUnavailable`."""
        try:
            server = await self._listen(host=host, port=port)
        except OSError as error:
            raise PortUnavailable(port=port) from error
        return int(next(iter(server.sockets)).getsockname()[1])

    async def serve(self, listening: socket.socket) -> None:
        """Take those whom this socket accepts."""
        await self._listen(sock=listening)

    def stop(self) -> None:
        """Take nothing and send nothing any more, and answer nobody; connections stay open."""
        self.goes_on.clear()
        for connection in self.connections:
            if isinstance(connection, AcceptedConnection):
                connection.pause()

    def resume(self) -> None:
        """Go on."""
        self.goes_on.set()
        for connection in self.connections:
            if isinstance(connection, AcceptedConnection):
                connection.go_on()

    def drop(self) -> None:
        """Break every connection, without a word to the clients."""
        for connection in self.connections:
            connection.abort()

    async def close(self) -> None:
        """Close every connection, behind what it carries; what a client does not take is kept for it."""
        if self._server is not None:
            self._server.close(close_connections=False)
            for client in self._clients:
                client.go_away()
            for connection in self.connections:
                # The server would wait for these to finish their opening handshake.
                if isinstance(connection, AcceptedConnection) and connection.state is State.CONNECTING:
                    connection.abort()
            await self._server.wait_closed()
        self.presence.close()

    async def _listen(self, **where: Any) -> Server:
        limits = self.limits
        self._server = await serve(
            self._serve,
            compression=None,  # ciphertext does not get shorter
            max_size=limits.max_frame_bytes,
            max_queue=64,
            open_timeout=limits.opening_s,
            close_timeout=limits.closing_s,
            ping_interval=None,
            logger=_silent,
            process_request=self._check_origin,
            create_connection=cast(type[ServerConnection], self._create_connection),
            **where,
        )
        self.presence.start()
        return self._server

    @staticmethod
    def now() -> float:
        """Monotonic seconds."""
        return asyncio.get_running_loop().time()

    def _create_connection(self, *arguments: Any, **options: Any) -> ServerConnection:
        return AcceptedConnection(self.connections, self.goes_on, *arguments, **options)

    def _check_origin(self, websocket: ServerConnection, request: Request) -> Response | None:
        """Refuse pages of other sites, where only those of this machine may come, and other names for it."""
        if self._origins.allows(request.headers.get_all("Origin"), request.headers.get_all("Host")):
            return None
        self.metrics.drop("foreign_origin")
        return websocket.respond(HTTPStatus.FORBIDDEN, "only pages and names of this machine are served\n")

    async def _serve(self, websocket: ServerConnection) -> None:
        now = self.now()
        connection = cast(AcceptedConnection, websocket)
        session = GatewaySession(
            self._crypto,
            self._random,
            self._identity.seed,
            self._registry,
            now,
            unix_time_offset_s=self._wall_clock() - now,
            config=self.session_config,
            may_register=lambda: self.rate_limiter.may_register(connection.origin, self.now()),
        )
        self.metrics.connections += 1
        client = ClientConnection(self, connection, session)
        self._clients.add(client)
        try:
            await client.serve()
        finally:
            self._clients.discard(client)
            self.metrics.connections -= 1
