"""From a server's description to the way to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ....streams import ByteStream, IpAddress, IpNetwork
from ...http.options import HttpOptions
from ...http.transport import HttpTransport
from ...tls import TlsSettings, start_tls
from ..servers import DnsServer
from . import DnsTransport
from .datagrams import UdpTransport
from .https import Bootstrap, HttpsTransport
from .streams import StreamTransport

ALPN = ("dot",)
"""DNS over TLS by its registered name, so that no other service on the port can pass for it (RFC 7858, IANA)."""

RandomBytes = Callable[[int], bytes]


def open_transport(
    server: DnsServer,
    network: IpNetwork,
    tls: TlsSettings,
    lookup: Callable[[str], Awaitable[list[IpAddress]]],
    random_bytes: RandomBytes,
) -> DnsTransport:
    """The transport for a server; nothing is sent before the first question.

    lookup -- finds the address of a server that is given by name
    """
    if server.transport == "https":
        http = HttpTransport(Bootstrap(server.address, lookup), network, tls, HttpOptions())
        return HttpsTransport(http, server.url, random_bytes)
    assert server.address is not None  # only https servers may be given without
    address, port, host = server.address, server.port, server.certificate_host

    async def connect() -> ByteStream:
        return await network.connect_tcp(address, port)

    async def connect_tls() -> ByteStream:
        return await start_tls(await connect(), tls, host, ALPN)

    if server.transport == "tls":
        return StreamTransport("tls", connect_tls, random_bytes, padded=True)
    tcp = StreamTransport("tcp", connect, random_bytes)
    return tcp if server.transport == "tcp" else UdpTransport(network, address, port, tcp, random_bytes)
