"""Serves the directory over http and https."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from mix_network.connection_table import ConnectionTable
from mix_network.directory.certificates import ServerCertificate
from mix_network.directory.front import KEEP_ALIVE_S, Front, PatientHttp
from mix_network.errors import PortUnavailable

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


class DirectoryServer:
    """One application on two ports of a host.

    max_connections -- of both together; one more takes the place of the one idle for longest
    """

    def __init__(
        self, app: Starlette, certificate: ServerCertificate, *, host: str = "127.0.0.1", http_port: int = 0,
        https_port: int = 0, max_connections: int = 512,
    ) -> None:  # fmt: skip
        self._app = app
        self._certificate = certificate
        self._host = host
        self._ports = (http_port, https_port)
        self._table = ConnectionTable(max_unproven=max_connections)
        self._servers: list[_Server] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.http_port = 0
        self.https_port = 0

    async def start(self) -> None:
        """Listen on both ports; returns when both are served. Raises `PortUnavailable`."""
        http_socket = _listen(self._host, self._ports[0])
        try:
            https_socket = _listen(self._host, self._ports[1])
        except PortUnavailable:
            http_socket.close()
            raise
        self.http_port = http_socket.getsockname()[1]
        self.https_port = https_socket.getsockname()[1]
        await self._serve(http_socket, None)
        await self._serve(https_socket, self._tls_context())

    async def close(self) -> None:
        """Stop listening and close every connection."""
        for server in self._servers:
            server.should_exit = True
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
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
        server = _Server(config, self._table, tls)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        self._servers.append(server)
        self._tasks.append(task)
        while not server.started:
            if task.done():
                task.result()
                raise RuntimeError("the directory's server ended before it started")
            await asyncio.sleep(0.01)

    def _tls_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        # `ssl` reads keys from files alone; the directory is private to this user and gone at once.
        with tempfile.TemporaryDirectory(prefix="mix-network-") as folder:
            chain, key = Path(folder, "certificate.pem"), Path(folder, "key.pem")
            chain.write_bytes(self._certificate.certificate_pem)
            key.touch(mode=0o600)
            key.write_bytes(self._certificate.key_pem)
            context.load_cert_chain(chain, key)
        return context


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
