"""UDP through the tunnel, to names as well as addresses."""

from __future__ import annotations

from types import TracebackType
from typing import NamedTuple, Self

from mix_protocol.netstack.errors import Unreachable
from mix_tunnel.runtime.sockets.arguments import InvalidArgument, check_host, check_port
from mix_tunnel.runtime.sockets.dialing import Lookup
from mix_tunnel.streams import DatagramSocket

MAX_DATAGRAM_BYTES = 65_507
"""What IPv4 carries in one datagram (RFC 768, RFC 791); a path may carry less."""


class Datagram(NamedTuple):
    """A datagram, and the address and port that it came from."""

    data: bytes
    host: str
    port: int

    def __repr__(self) -> str:
        return f"<Datagram of {len(self.data)} bytes>"


class UdpEndpoint:
    """An unconnected UDP socket whose datagrams leave at the exit.

    What arrives faster than it is received is dropped, once 256 KiB wait. It may be used as an asynchronous context
    manager, which closes it, and as an asynchronous iterator over what arrives, which ends when it is closed.
    """

    def __init__(self, socket: DatagramSocket, resolver: Lookup) -> None:
        self._socket = socket
        self._resolver = resolver
        self.is_closed = False

    async def send(self, data: bytes | bytearray | memoryview, host: str, port: int) -> None:
        """Send one datagram to a name or address; it may be lost, as datagrams may.

        Raises `InvalidArgument`, or what resolving the name raises.
        """
        host, port = check_host(host), check_port(port)
        if not isinstance(data, bytes | bytearray | memoryview) or memoryview(data).nbytes > MAX_DATAGRAM_BYTES:
            raise InvalidArgument.of("data", f"at most {MAX_DATAGRAM_BYTES} bytes")
        addresses = await self._resolver.lookup(host)
        await self._socket.send(bytes(data), addresses[0], port)

    async def receive(self) -> Datagram:
        """Wait for one datagram. A report that one of ours could not be delivered is passed over."""
        while True:
            try:
                data, ip, port = await self._socket.receive()
            except Unreachable:  # whose it was, an unconnected socket can't tell
                continue
            return Datagram(data, str(ip), port)

    def close(self) -> None:
        """Free the port; a pending `receive` raises `TunnelClosed`. Idempotent."""
        self.is_closed = True
        self._socket.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Datagram:
        from mix_tunnel.runtime.tunnel_errors import TunnelClosed

        try:
            return await self.receive()
        except TunnelClosed:
            if self.is_closed:
                raise StopAsyncIteration from None
            raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
