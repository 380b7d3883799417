"""Opens TCP and TLS connections to loopback over the kernel's sockets, as a tunnel does over the mixnet."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

from mix_tunnel.runtime.sockets.dialing import Connection
from mix_tunnel.runtime.tls import TlsSettings, start_tls
from mix_tunnel.runtime.websocket import WebSocketConnection, WebSocketOptions, connect_websocket
from support.kernel import KernelNetwork
from support.tls_server import authority, pem_of


class KernelConnector:
    """Every name is 127.0.0.1, and our test authority is trusted."""

    def __init__(self, *, receive_buffer_bytes: int | None = None) -> None:
        self.network = KernelNetwork(receive_buffer_bytes=receive_buffer_bytes)
        self.http = None

    async def connect_websocket(self, url: str, options: WebSocketOptions | None = None) -> WebSocketConnection:
        return await connect_websocket(self, url, options or WebSocketOptions())

    async def dial(self, host: str, port: int, *, tls: bool = False, alpn: Sequence[str] = ()) -> Connection:
        stream = await self.network.connect_tcp(ip_address("127.0.0.1"), port)
        ends = ("127.0.0.1", 0), ("127.0.0.1", port)
        if not tls:
            return Connection(stream, *ends)
        encrypted = await start_tls(stream, TlsSettings((pem_of(authority()),)), host, alpn)
        return Connection(encrypted, *ends, encrypted)
