"""Opens TCP and TLS streams to loopback over the kernel's sockets, as a tunnel does over the mixnet."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

from mix_tunnel.runtime.tls import TlsSettings, TlsStream, start_tls
from support.kernel import KernelNetwork, KernelStream
from support.tls_server import authority, pem_of


class KernelConnector:
    """Every name is 127.0.0.1, and our test authority is trusted."""

    def __init__(self) -> None:
        self.network = KernelNetwork()
        self.names: list[str] = []

    async def connect_tcp(self, host: str, port: int) -> KernelStream:
        self.names.append(host)
        return await self.network.connect_tcp(ip_address("127.0.0.1"), port)

    async def connect_tls(self, host: str, port: int, alpn: Sequence[str] = ()) -> TlsStream:
        stream = await self.connect_tcp(host, port)
        return await start_tls(stream, TlsSettings((pem_of(authority()),)), host, alpn)
