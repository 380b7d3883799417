"""A TCP connection of the userspace stack as an asyncio byte stream."""

from __future__ import annotations

import asyncio

from mix_protocol.errors import MixError, revive
from mix_protocol.netstack.endpoint import Endpoint
from mix_protocol.netstack.tcp.connection import TcpConnection
from mix_protocol.netstack.tcp.state import HANDSHAKE_STATES
from mix_tunnel.runtime.tunnel_errors import TunnelClosed


class TcpStream:
    """A `ByteStream` over a `TcpConnection`; the stack's `on_output` must let the stack send."""

    def __init__(self, connection: TcpConnection) -> None:
        self._connection = connection
        self._waiters: set[asyncio.Future[None]] = set()
        self._failure: MixError | None = None
        connection.on_event = self._notify

    @property
    def connection(self) -> TcpConnection:
        """The connection underneath."""
        return self._connection

    @property
    def local(self) -> Endpoint:
        """Our address and port."""
        return self._connection.local

    @property
    def remote(self) -> Endpoint:
        """The other side's address and port."""
        return self._connection.remote

    @property
    def is_open(self) -> bool:
        """Whether it is established, and its user has neither closed it nor seen it fail."""
        return not self.is_connecting and self._failure is None and self._connection.error is None

    @property
    def is_connecting(self) -> bool:
        """Whether the handshake is still going on."""
        return self._connection.state in HANDSHAKE_STATES

    async def connected(self) -> None:
        """Wait until the connection is established; raises why it is not going to be."""
        while self.is_connecting:
            self._check()
            await self._event()
        self._check()

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Wait for bytes; b"" at the end of the stream."""
        connection = self._connection
        while True:
            if connection.receivable:
                return connection.receive(max_bytes)
            self._check()
            if connection.at_eof:
                return b""
            await self._event()

    async def send(self, data: bytes) -> None:
        """Hand all of `data` to the stack, waiting while its buffer is full."""
        left = memoryview(data)
        while left:
            self._check()
            accepted = self._connection.send(left)
            if accepted:
                left = left[accepted:]
            else:
                await self._event()

    async def send_eof(self) -> None:
        """Send a FIN after everything that was sent."""
        self._check()
        self._connection.close()

    async def aclose(self) -> None:
        """Close in order: what was sent is still delivered, by the stack; what comes after this is refused."""
        self._connection.detach()
        self._end(TunnelClosed("this stream has been closed"))

    def abort(self) -> None:
        """Send a RST and fail what is pending."""
        self.fail(TunnelClosed("this connection was ended on this side, alone or with the whole tunnel"))

    def fail(self, error: MixError) -> None:
        """Abort; pending and later calls raise `error`."""
        self._connection.abort()
        self._end(error)

    def _end(self, error: MixError) -> None:
        if self._failure is None:
            self._failure = error
        self._notify()

    def _check(self) -> None:
        error = self._failure or self._connection.error
        if error is not None:
            # Each call raises an exception of its own, for a shared one would gather everybody's traceback.
            raise revive(error.code, error.template, error.fields)

    async def _event(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    def _notify(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
