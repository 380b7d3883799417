"""Serves an ASGI application on one port."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator

import uvicorn
from starlette.applications import Starlette

from mix_network.connection_table import ConnectionTable
from mix_network.errors import PortUnavailable
from mix_network.http.front import KEEP_ALIVE_S, Front, PatientHttp

_STOP_TIMEOUT_S = 1


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers, for this process has other things to stop as well, and with connections
    that are counted and watched from accept on."""

    def __init__(self, config: uvicorn.Config, table: ConnectionTable, tls: ssl.SSLContext | None) -> None:
        super().__init__(config)
        self._table = table
        self._tls = tls

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen on the sockets."""
        loop = asyncio.get_running_loop()
        self.servers = [
            await loop.create_server(lambda: Front(self._table, self._make_http, self._tls), sock=listener)
            for listener in sockets or ()
        ]
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, and let the answers under way be finished."""
        for connection in self._table:
            if isinstance(connection, Front) and connection.is_opening:
                connection.abort()
        await super().shutdown(sockets)

    def _make_http(self, front: Front) -> PatientHttp:
        http = PatientHttp(self.config, self.server_state, {})
        http.front = front
        return http


class HttpServer:
    """One application on one port of a host.

    port -- 0 takes a free one
    tls -- for https; None serves http
    table -- counts connections, those of other servers too where they share it. One too many takes the place of the one
        idle for longest
    """

    def __init__(
        self,
        app: Starlette,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        table: ConnectionTable | None = None,
    ) -> None:
        self._app = app
        self._host = host
        self._tls = tls
        self._table = ConnectionTable(max_unproven=512) if table is None else table
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None
        self._listener: socket.socket | None = None
        self.port = port

    def listen(self) -> None:
        """Take the port, without serving anybody yet. Raises `PortUnavailable`."""
        self._listener = _listen(self._host, self.port)
        self.port = self._listener.getsockname()[1]

    async def start(self) -> None:
        """Serve; returns when it does. Raises `PortUnavailable`."""
        if self._listener is None:
            self.listen()
        assert self._listener is not None
        config = uvicorn.Config(
            self._app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=_STOP_TIMEOUT_S,
            h11_max_incomplete_event_size=64 * 1024,
        )
        self._server = server = _Server(config, self._table, self._tls)
        self._task = task = asyncio.create_task(server.serve(sockets=[self._listener]))
        while not server.started:
            if task.done():
                task.result()
                raise RuntimeError("the server ended before it started")
            await asyncio.sleep(0.01)

    async def close(self) -> None:
        """Stop listening and close every connection."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await asyncio.gather(self._task, return_exceptions=True)
        elif self._listener is not None:
            self._listener.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only where the socket names its protocol.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise PortUnavailable(port=port) from error
    listener.setblocking(False)
    return listener
