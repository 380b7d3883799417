"""A UDP socket of the userspace stack as an asyncio datagram socket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from mix_protocol.errors import MixError, revive
from mix_protocol.netstack.udp import UdpSocket
from mix_tunnel.runtime.tunnel_errors import TunnelClosed
from mix_tunnel.streams import IpAddress


class TunnelDatagramSocket:
    """A `DatagramSocket` that outlives the stack underneath: a datagram is on its own, whatever our address is.

    bind -- waits while the tunnel is connecting, then gives the socket for this one on the stack of the moment
    now -- monotonic clock, in seconds
    """

    def __init__(self, bind: Callable[[], Awaitable[UdpSocket]], now: Callable[[], float]) -> None:
        self._bind = bind
        self._now = now
        self._socket: UdpSocket | None = None
        self._failure: MixError | None = None
        self._waiters: set[asyncio.Future[None]] = set()

    async def send(self, data: bytes, ip: IpAddress, port: int) -> None:
        """Send one datagram, waiting while the tunnel is connecting."""
        self._check()
        socket = self._socket or self._adopt(await self._bind())
        socket.send(data, (ip, port), self._now())

    async def receive(self) -> tuple[bytes, IpAddress, int]:
        """Wait for one datagram; raises `Unreachable` once for each report that one could not be delivered."""
        while True:
            self._check()
            if self._socket is not None:
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

    def unbind(self) -> None:
        """Leave the stack, for its addresses are gone; the next datagram goes out from the next one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def fail(self, error: MixError) -> None:
        """Close with an error of the runtime's."""
        if self._failure is None:
            self._failure = error
            self.unbind()
        self._notify()

    def _check(self) -> None:
        if self._failure is not None:
            raise revive(self._failure.code, self._failure.template, self._failure.fields)

    def _adopt(self, socket: UdpSocket) -> UdpSocket:
        """Take a new socket of the stack's, unless meanwhile another task has or this one was closed."""
        if self._failure is not None or self._socket is not None:
            socket.close()
            self._check()
        else:
            self._socket = socket
            socket.on_event = self._notify
        assert self._socket is not None
        return self._socket

    def _notify(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
