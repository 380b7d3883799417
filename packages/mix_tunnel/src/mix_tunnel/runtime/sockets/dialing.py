"""Opens TCP and TLS connections to a host by name, and tells between whom they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from mix_tunnel.runtime.racing import connect_any
from mix_tunnel.runtime.sockets.arguments import check_alpn, check_host, check_port
from mix_tunnel.streams import ByteStream, IpAddress

if TYPE_CHECKING:
    from mix_tunnel.runtime.tls import TlsSettings, TlsStream

Address = tuple[str, int]


class ConnectedStream(ByteStream, Protocol):
    """A TCP connection that knows its two ends."""

    @property
    def local(self) -> tuple[IpAddress, int]:
        """Our address and port."""
        ...

    @property
    def remote(self) -> tuple[IpAddress, int]:
        """The other side's address and port."""
        ...


class TcpNetwork(Protocol):
    """Where TCP connections come from."""

    async def connect_tcp(self, ip: IpAddress, port: int) -> ConnectedStream:
        """Open a connection."""
        ...


class Lookup(Protocol):
    """Resolves names."""

    async def lookup(self, name: str) -> list[IpAddress]:
        """The addresses of a host name."""
        ...


@dataclass(frozen=True, slots=True)
class Connection:
    """A stream that has been opened.

    local, remote -- address and port of the two ends, as texts and numbers
    tls -- the stream itself, if it is encrypted
    """

    stream: ByteStream
    local: Address = field(repr=False)
    remote: Address = field(repr=False)
    tls: TlsStream | None = None


class Dialer:
    """Opens connections for one tunnel."""

    def __init__(self, resolver: Lookup, network: TcpNetwork, tls: TlsSettings) -> None:
        self._resolver = resolver
        self._network = network
        self._tls = tls

    async def connect(self, host: str, port: int) -> Connection:
        """Open a TCP connection to a name or address, trying its addresses in turn.

        Raises `InvalidArgument`, or what DNS and TCP raise.
        """
        host, port = check_host(host), check_port(port)
        network = self._network
        stream = await connect_any(network.connect_tcp, await self._resolver.lookup(host), port, network=network)
        return Connection(stream, _address(stream.local), _address(stream.remote))

    async def connect_tls(self, host: str, port: int, alpn: Sequence[str] = ()) -> Connection:
        """Open a TLS connection that ends here: certificate and host name are verified.

        alpn -- protocols to offer, most wanted first
        Raises `InvalidArgument`, or what DNS, TCP and TLS raise.
        """
        from mix_tunnel.runtime.tls import start_tls

        host, port, protocols = check_host(host), check_port(port), check_alpn(alpn)
        connection = await self.connect(host, port)
        tls = await start_tls(connection.stream, self._tls, host, protocols)  # aborts the stream when it fails
        return Connection(tls, connection.local, connection.remote, tls)


def _address(endpoint: tuple[IpAddress, int]) -> Address:
    return str(endpoint[0]), endpoint[1]
