"""A UDP socket of the userspace stack as an asyncio datagram socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mix_protocol.errors import MixError, revive
from mix_protocol.netstack.udp import UdpSocket
from mix_tunnel.runtime.tunnel_errors import TunnelClosed
from mix_tunnel.streams import IpAddress


class TunnelDatagramSocket:
    """A `DatagramSocket` over a `UdpSocket`; the stack's `on_output` must let the stack send.

    now -- monotonic clock, in seconds
    """

    def __init__(self, socket: UdpSocket, now: Callable[[], float]) -> None:
        self._socket = socket
        self._now = now
        self._failure: MixError | None = None
        self._waiters: set[asyncio.Future[None]] = set()
        socket.on_event = self._notify

    async def send(self, data: bytes, ip: IpAddress, port: int) -> None:
        """Send one datagram."""
        self._check()
        self._socket.send(data, (ip, port), self._now())

    async def receive(self) -> tuple[bytes, IpAddress, int]:
        """Wait for one datagram; raises `Unreachable` once for each report that one could not be delivered."""
        while True:
            self._check()
            if (error := self._socket.take_error()) is not None:
                raise error
            datagram = self._socket.receive()
            if datagram is not None:
                data, (ip, port) = datagram
                return data, ip, port
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)

    def close(self) -> None:
        """Free the port; a pending `receive` fails."""
        self.fail(TunnelClosed("this socket has been closed"))

    def fail(self, error: MixError) -> None:
        """Close with an error of the runtime's."""
        if self._failure is None:
            self._failure = error
            self._socket.close()
        self._notify()

    def _check(self) -> None:
        if self._failure is not None:
            raise revive(self._failure.code, str(self._failure), self._failure.fields)

    def _notify(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
