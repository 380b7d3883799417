"""Single exchanges over shared connections: opening them, keeping them alive, and trying again when one was dead."""

from __future__ import annotations

import asyncio

from mix_protocol.errors import NetworkFailure
from mix_protocol.netstack.errors import ConnectionReset

from ...streams import IpNetwork, NameLookup
from ..racing import connect_any
from ..tls import TlsSettings, start_tls
from ..tls_errors import TlsTruncated
from .body import BodyBuffer
from .errors import ClientClosed, HttpConnectTimedOut, NoResponse, PoolTimedOut, ResponseTimedOut, WriteTimedOut
from .http1 import HttpConnection
from .http1.switched import SwitchedBody
from .http2 import Http2Connection
from .http2.errors import Http11Required, NotProcessed
from .options import HttpOptions
from .pool import ConnectionPool, Lease, none_at_all
from .request import HttpTimeouts, PreparedRequest
from .resending import Resend
from .sharing import HTTP1, HTTP2, Connection, SharedConnections
from .url import HttpUrl
from .wire_response import WireResponse

ALPN = (HTTP2, HTTP1)
MAX_REFUSALS = 5
"""Times that a request goes out again after a server did not look at it. Some take only a hundred requests on each
connection, and of a burst those behind them are refused by one connection after the other."""


class HttpTransport:
    """Sends requests through an `IpNetwork`; connections are kept alive and shared by all requests.

    https origins are offered HTTP/2, which takes one connection for all requests; others get a few of HTTP/1.1.
    """

    def __init__(self, resolver: NameLookup, network: IpNetwork, tls: TlsSettings, options: HttpOptions) -> None:
        self._resolver = resolver
        self._network = network
        self._tls = tls
        self.pool: ConnectionPool[Connection] = ConnectionPool(
            per_origin=options.per_origin,
            in_all=options.in_all,
            keep_alive_s=options.keep_alive_s,
        )
        self._shared = SharedConnections(self.pool, self._open)

    async def send(self, request: PreparedRequest, timeouts: HttpTimeouts) -> WireResponse:
        """Send a request and return the response once its head is here; any HTTP status is an answer.

        It is sent again once when a kept-alive connection turned out to be dead: what may be repeated whatever
        happened to the connection, anything else when the server had closed it without a byte, as browsers do. A few
        times when the server said that it had not looked at it. Raises `dns.*`, `tcp.*`, `tls.*`,
        `http.*` and `http2.*` errors. Cancelling drops an HTTP/1.1 connection, or resets the stream of an HTTP/2 one.
        """
        attempts = 0
        while True:
            try:
                return await self._exchange(request, timeouts, fresh=attempts > 0)
            except Resend as failed:
                attempts += 1
                if attempts > (MAX_REFUSALS if isinstance(failed.error, NotProcessed) else 1):
                    raise failed.error from failed.error.__cause__
                if isinstance(failed.error, Http11Required):
                    self._shared.require_http1(request.url.origin)

    async def aclose(self) -> None:
        """Close every connection; requests under way fail."""
        await self._shared.aclose()
        await self.pool.aclose()

    async def _exchange(self, request: PreparedRequest, timeouts: HttpTimeouts, *, fresh: bool = False) -> WireResponse:
        url = request.url
        if url.scheme == "https" and not request.upgrade:
            shared = await self._shared.enter(url, timeouts, request.user)
            if shared is not None:
                return await shared.exchange(request, timeouts)
        lease = await self._acquire(request, timeouts, fresh=fresh)
        try:
            alpn = (HTTP1,) if request.upgrade else self._shared.alpn(url.origin)
            connection = lease.connection or await self._open_in_time(url, timeouts, alpn)
            lease.connection = connection
            if lease.released:  # the client was closed while the connection was opened
                connection.abort()
                raise ClientClosed
            if isinstance(connection, HttpConnection):
                return await _exchange_http1(lease, connection, request, timeouts)
        except BaseException:
            lease.drop()
            raise
        # The server has learnt HTTP/2 since.
        connection.enter()
        self._shared.adopt(lease, connection)
        return await connection.exchange(request, timeouts)

    async def _acquire(self, request: PreparedRequest, timeouts: HttpTimeouts, *, fresh: bool) -> Lease[Connection]:
        def suits(connection: Connection, idle_s: float) -> bool:
            if isinstance(connection, Http2Connection):
                return True
            if request.upgrade:
                return False
            # A streamed body is lost with a connection that turns out to be dead, and could never be sent again.
            return request.replayable and connection.lasts(idle_s, repeatable=request.retryable)

        try:
            async with asyncio.timeout(timeouts.pool_s):
                suiting = none_at_all if fresh else suits
                return await self.pool.acquire(request.url.origin, suits=suiting, user=request.user)
        except TimeoutError as error:
            raise PoolTimedOut(seconds=timeouts.pool_s) from error

    async def _open_in_time(self, url: HttpUrl, timeouts: HttpTimeouts, alpn: tuple[str, ...]) -> Connection:
        try:
            async with asyncio.timeout(timeouts.connect_s):
                return await self._open(url, alpn)
        except TimeoutError as error:
            raise HttpConnectTimedOut(seconds=timeouts.connect_s) from error

    async def _open(self, url: HttpUrl, alpn: tuple[str, ...]) -> Connection:
        addresses = await self._resolver.lookup(url.host)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        stream = await connect_any(self._network.connect_tcp, addresses, url.port, network=self._network)
        round_trip_s = loop.time() - begun
        if url.scheme == "http":
            return HttpConnection(stream, round_trip_s=round_trip_s)
        tls = await start_tls(stream, self._tls, url.host, alpn, port=url.port)
        if tls.alpn_protocol == HTTP2:
            return Http2Connection(tls)
        return HttpConnection(tls, round_trip_s=round_trip_s)


async def _exchange_http1(
    lease: Lease[Connection], connection: HttpConnection, request: PreparedRequest, timeouts: HttpTimeouts
) -> WireResponse:
    """One exchange over a connection of one's own."""
    try:
        head = await connection.exchange(request, timeouts)
    except NetworkFailure as error:
        if connection.exchanges > 1 and not connection.response_begun and _may_repeat(request, error):
            raise Resend(error) from error
        raise
    if connection.switched:
        return WireResponse(head, SwitchedBody(lease, *connection.take_over()))
    return WireResponse(head, BodyBuffer(lease, connection))


def _may_repeat(request: PreparedRequest, error: NetworkFailure) -> bool:
    """Whether a request goes out again after a kept-alive connection failed without a byte of the answer.

    A server that closes or resets such a connection has most likely not seen the request: it counts as not processed
    for browsers and curl, whatever its method. After any other failure only what does no harm twice is sent again, and
    after silence nothing.
    """
    if isinstance(error, (ResponseTimedOut, WriteTimedOut)):
        return False
    closed = isinstance(error, NoResponse) and error.fields.get("cause") in _CLOSED_BY_THE_SERVER
    return request.retryable or (closed and request.replayable)


_CLOSED_BY_THE_SERVER = frozenset({None, ConnectionReset.code, TlsTruncated.code})
