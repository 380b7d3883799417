"""What the runtime's layers promise each other: byte streams, datagram sockets, and a network that opens them.

TCP through the mixnet, and TLS over it, are both a `ByteStream`; HTTP, DNS and WebSocket clients need no more.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Protocol, runtime_checkable

IpAddress = IPv4Address | IPv6Address


class ByteStream(Protocol):
    """A reliable, ordered, bidirectional stream of bytes with half-close.

    Every method that fails raises a `MixError`; after that the stream is of no use but for `abort`.
    Each direction may be used by one task at a time. All of the methods may be cancelled: a cancelled
    `receive` loses no byte; a cancelled `send` may have sent a prefix.
    """

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Wait for bytes and return at most `max_bytes` of them; b"" at the end of the stream."""
        ...

    async def send(self, data: bytes) -> None:
        """Hand all of `data` over, waiting while the peer or the network is slow (back-pressure)."""
        ...

    async def send_eof(self) -> None:
        """Say that nothing more will be sent; receiving goes on."""
        ...

    async def aclose(self) -> None:
        """Close both directions in order. Idempotent, and never raises for a stream that already failed."""
        ...

    def abort(self) -> None:
        """Drop the stream at once (TCP: a RST); pending calls fail. Idempotent."""
        ...


class DatagramSocket(Protocol):
    """An unconnected socket for UDP datagrams."""

    async def send(self, data: bytes, ip: IpAddress, port: int) -> None:
        """Send one datagram; it may be lost, as datagrams may."""
        ...

    async def receive(self) -> tuple[bytes, IpAddress, int]:
        """Wait for one datagram: its data, and the address and port it came from."""
        ...

    def close(self) -> None:
        """Free the port; a pending `receive` fails. Idempotent."""
        ...


class NameLookup(Protocol):
    """Where the addresses of hosts come from."""

    async def lookup(self, name: str) -> list[IpAddress]:
        """Addresses of a host name, or the IP literal itself; raises why there are none."""
        ...


class IpNetwork(Protocol):
    """Where TCP connections and UDP sockets come from."""

    async def connect_tcp(self, ip: IpAddress, port: int) -> ByteStream:
        """Open a TCP connection, or raise a `NetworkFailure` that says why it could not be opened."""
        ...

    def open_udp(self) -> DatagramSocket:
        """Open a UDP socket on a free port."""
        ...


@runtime_checkable
class MeasuredNetwork(Protocol):
    """A network that knows how long a round trip through it takes."""

    @property
    def round_trip_s(self) -> float:
        """In seconds, smoothed; 0 before anything was measured."""
        ...


def patience_s(least_s: float, network: object) -> float:
    """How long to wait before asking again or elsewhere: two round trips, if that is more than `least_s`."""
    return max(least_s, 2.0 * network.round_trip_s) if isinstance(network, MeasuredNetwork) else least_s
