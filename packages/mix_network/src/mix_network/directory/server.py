"""Serves the directory over http and https."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from pathlib import Path

from starlette.applications import Starlette

from mix_network.connection_table import ConnectionTable
from mix_network.directory.certificates import ServerCertificate
from mix_network.http.server import HttpServer


class DirectoryServer:
    """One application on two ports of a host.

    max_connections -- of both together; one more takes the place of the one idle for longest
    """

    def __init__(
        self, app: Starlette, certificate: ServerCertificate, *, host: str = "127.0.0.1", http_port: int = 0,
        https_port: int = 0, max_connections: int = 512,
    ) -> None:  # fmt: skip
        self._table = table = ConnectionTable(max_unproven=max_connections)
        self._http = HttpServer(app, host=host, port=http_port, table=table)
        self._https = HttpServer(app, host=host, port=https_port, table=table, tls=_tls_context(certificate))

    @property
    def http_port(self) -> int:
        """Where http is served."""
        return self._http.port

    @property
    def https_port(self) -> int:
        """Where https is served."""
        return self._https.port

    async def start(self) -> None:
        """Listen on both ports; returns when both are served. Raises `PortUnavailable`."""
        try:
            self._http.listen()
            self._https.listen()
        except BaseException:
            await self.close()
            raise
        await self._http.start()
        await self._https.start()

    async def close(self) -> None:
        """Stop listening and close every connection."""
        await asyncio.gather(self._http.close(), self._https.close())


def _tls_context(certificate: ServerCertificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    # `ssl` reads keys from files alone; the directory is private to this user and gone at once.
    with tempfile.TemporaryDirectory(prefix="mix-network-") as folder:
        chain, key = Path(folder, "certificate.pem"), Path(folder, "key.pem")
        chain.write_bytes(certificate.certificate_pem)
        key.touch(mode=0o600)
        key.write_bytes(certificate.key_pem)
        context.load_cert_chain(chain, key)
    return context
