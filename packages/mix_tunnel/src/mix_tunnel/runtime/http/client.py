"""The HTTP client: redirects, retries and connections around single exchanges."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from mix_protocol.errors import Closed, NetworkFailure

from ...options import TunnelOptions
from ...streams import ByteStream, IpAddress, IpNetwork
from ..pool import ConnectionPool, Lease
from ..resolver import Resolver
from ..tls import TlsSettings, start_tls
from .body import BodyBuffer
from .connection import HttpConnection
from .errors import HttpConnectTimedOut, RedirectRefused, TooManyRedirects
from .redirects import redirect_target, redirected
from .request import HttpRequest, HttpTimeouts, PreparedRequest, prepare
from .response import HttpResponse
from .url import HttpUrl

ALPN = ("http/1.1",)
MAX_DISCARDED_BYTES = 65_536
"""Of a redirect's body; more is not worth the wait, and the connection is dropped."""
DISCARD_TIMEOUT_S = 5.0
MAX_ADDRESSES = 4
"""Addresses of one host that are tried before giving up."""


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """How a client behaves."""

    max_redirects: int = 5
    per_origin: int = 6
    """Connections to one origin at the same time, as browsers have."""
    in_all: int = 64
    keep_alive_s: float = 60.0
    timeouts: HttpTimeouts = field(default_factory=HttpTimeouts)

    @classmethod
    def from_tunnel(cls, options: TunnelOptions) -> HttpOptions:
        """Take over what a tunnel's options say about fetches."""
        return cls(
            max_redirects=options.max_redirects,
            timeouts=HttpTimeouts(connect_s=options.connect_timeout_ms / 1000),
        )


class HttpClient:
    """Fetches http and https URLs through an `IpNetwork`; connections are kept alive and shared by all requests."""

    def __init__(
        self,
        resolver: Resolver,
        network: IpNetwork,
        tls: TlsSettings | None = None,
        options: HttpOptions | None = None,
    ) -> None:
        self._resolver = resolver
        self._network = network
        self._tls = tls or TlsSettings()
        self._options = options or HttpOptions()
        self.pool: ConnectionPool[HttpConnection] = ConnectionPool(
            per_origin=self._options.per_origin,
            in_all=self._options.in_all,
            keep_alive_s=self._options.keep_alive_s,
        )

    async def fetch(self, request: HttpRequest) -> HttpResponse:
        """Send a request and return the response once its head is here; any HTTP status is an answer.

        Raises a `MixError`: `fetch.*` for what can't be sent or followed, `dns.*`, `tcp.*`, `tls.*` and `http.*` for
        what fails on the way. Cancelling drops the connection.
        """
        prepared = prepare(request)
        timeouts = request.timeouts or self._options.timeouts
        redirects = 0
        while True:
            response = await self._send(prepared, timeouts, redirected=redirects > 0)
            try:
                target = redirect_target(prepared.url, response.status, response.headers)
                if target is None or request.redirect == "manual":
                    return response
                if request.redirect == "error":
                    raise RedirectRefused
                if redirects >= self._options.max_redirects:
                    raise TooManyRedirects(limit=self._options.max_redirects)
                prepared = redirected(prepared, response.status, target)
            except BaseException:
                response.abort()
                raise
            await response.discard(MAX_DISCARDED_BYTES, DISCARD_TIMEOUT_S)
            redirects += 1

    async def aclose(self) -> None:
        """Close every connection; requests under way fail."""
        await self.pool.aclose()

    async def _send(self, request: PreparedRequest, timeouts: HttpTimeouts, *, redirected: bool) -> HttpResponse:
        """One exchange, and a second try on a new connection when a kept-alive one turns out to be dead."""
        fresh = False
        while True:
            lease = await self.pool.acquire(request.url.origin, fresh=fresh)
            try:
                if lease.connection is None:
                    lease.connection = HttpConnection(await self._connect(request.url, timeouts))
                head = await lease.connection.exchange(request, timeouts)
                body = BodyBuffer(lease, lease.connection)
                return HttpResponse(head, request.url, body, redirected=redirected)
            except NetworkFailure:
                dead_before_use = _was_dead(lease)
                lease.drop()
                if fresh or not dead_before_use or not request.retryable:
                    raise
                fresh = True
            except BaseException:
                lease.drop()
                raise

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
