"""Single exchanges over shared connections: opening them, keeping them alive, and trying again when one was dead."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from mix_protocol.errors import Closed, NetworkFailure

from ...streams import ByteStream, IpAddress, IpNetwork
from ..dns.resolver import Resolver
from ..pool import ConnectionPool, Lease
from ..tls import TlsSettings, start_tls
from .body import BodyBuffer
from .connection import HttpConnection
from .errors import HttpConnectTimedOut
from .options import HttpOptions
from .request import HttpTimeouts, PreparedRequest
from .url import HttpUrl
from .wire_response import WireResponse

ALPN = ("http/1.1",)
MAX_ADDRESSES = 4
"""Addresses of one host that are tried before giving up."""


class HttpTransport:
    """Sends requests through an `IpNetwork`; connections are kept alive and shared by all requests."""

    def __init__(self, resolver: Resolver, network: IpNetwork, tls: TlsSettings, options: HttpOptions) -> None:
        self._resolver = resolver
        self._network = network
        self._tls = tls
        self.pool: ConnectionPool[HttpConnection] = ConnectionPool(
            per_origin=options.per_origin,
            in_all=options.in_all,
            keep_alive_s=options.keep_alive_s,
        )

    async def send(self, request: PreparedRequest, timeouts: HttpTimeouts) -> WireResponse:
        """Send a request and return the response once its head is here; any HTTP status is an answer.

        A kept-alive connection that turns out to be dead is replaced by a new one, once. Raises `dns.*`, `tcp.*`,
        `tls.*` and `http.*` errors. Cancelling drops the connection.
        """
        fresh = False
        while True:
            lease = await self.pool.acquire(request.url.origin, fresh=fresh)
            try:
                if lease.connection is None:
                    lease.connection = HttpConnection(await self._connect(request.url, timeouts))
                head = await lease.connection.exchange(request, timeouts)
                return WireResponse(head, BodyBuffer(lease, lease.connection))
            except NetworkFailure:
                dead_before_use = _was_dead(lease)
                lease.drop()
                if fresh or not dead_before_use or not request.retryable:
                    raise
                fresh = True
            except BaseException:
                lease.drop()
                raise

    async def aclose(self) -> None:
        """Close every connection; requests under way fail."""
        await self.pool.aclose()

    async def _connect(self, url: HttpUrl, timeouts: HttpTimeouts) -> ByteStream:
        try:
            async with asyncio.timeout(timeouts.connect_s):
                stream = await connect_any(self._network.connect_tcp, await self._resolver.lookup(url.host), url.port)
                if url.scheme == "https":
                    stream = await start_tls(stream, self._tls, url.host, ALPN)
                return stream
        except TimeoutError as error:
            raise HttpConnectTimedOut(seconds=timeouts.connect_s) from error


def _was_dead(lease: Lease[HttpConnection]) -> bool:
    """Whether the failure is that of a kept-alive connection which the server had given up already."""
    connection = lease.connection
    return connection is not None and connection.exchanges > 1 and not connection.response_begun


async def connect_any(
    connect: Callable[[IpAddress, int], Awaitable[ByteStream]], addresses: list[IpAddress], port: int
) -> ByteStream:
    """Connect to the first address that accepts; the first failure is raised when none does."""
    failure: NetworkFailure | None = None
    for address in addresses[:MAX_ADDRESSES]:
        try:
            return await connect(address, port)
        except Closed:
            raise
        except NetworkFailure as error:
            failure = failure or error
    assert failure is not None
    raise failure
