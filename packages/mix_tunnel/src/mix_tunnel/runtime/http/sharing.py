"""HTTP/2 connections, one for each origin that speaks it, and the requests that wait to learn whether one does.

While the first connection to an https origin is opened, other requests to it wait: if it turns out to speak HTTP/2
they all go over that connection, otherwise each takes its turn at HTTP/1.1 connections. The connection is opened for
all who wait, by a task of its own, so that the first one may give up without harm to the rest; when all have given
up, so does the task.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Final

from mix_protocol.errors import MixError

from .errors import ClientClosed, HttpConnectTimedOut, PoolTimedOut
from .http1 import HttpConnection
from .http2 import Http2Connection
from .pool import ConnectionPool, Lease
from .request import HttpTimeouts
from .url import HttpUrl, Origin

HTTP2: Final = "h2"
HTTP1: Final = "http/1.1"
MAX_REMEMBERED = 1_000

Connection = HttpConnection | Http2Connection
Connect = Callable[[HttpUrl, tuple[str, ...]], Awaitable[Connection]]
"""Opens a connection to a URL's origin that may speak these protocols."""


class SharedConnections:
    """Leads requests to the HTTP/2 connection of their origin."""

    def __init__(self, pool: ConnectionPool[Connection], connect: Connect) -> None:
        self._pool = pool
        self._connect = connect
        self._active: dict[Origin, Http2Connection] = {}
        self._openings: dict[Origin, _Opening] = {}
        self._without_http2: OrderedDict[Origin, tuple[str, ...]] = OrderedDict()

    def alpn(self, origin: Origin) -> tuple[str, ...]:
        """The protocols to offer: both, unless the server has refused requests over HTTP/2."""
        return self._without_http2.get(origin) or (HTTP2, HTTP1)

    def require_http1(self, origin: Origin) -> None:
        """Offer this origin HTTP/1.1 alone from now on (RFC 9113 section 7, HTTP_1_1_REQUIRED)."""
        self._remember(origin, (HTTP1,))

    async def enter(self, url: HttpUrl, timeouts: HttpTimeouts, user: Hashable = None) -> Http2Connection | None:
        """The origin's HTTP/2 connection, entered for one request; None when the origin has HTTP/1.1 only.

        The first who asks opens it; to the pool it is his.

        Raises what opening it raises, `PoolTimedOut` or `HttpConnectTimedOut`.
        """
        origin = url.origin
        if origin in self._without_http2:
            return None
        connection = self._active.get(origin)
        if connection is not None and connection.usable:
            connection.enter()
            return connection
        opening = self._openings.get(origin)
        if opening is None:
            opening = self._openings[origin] = _Opening(self._open(url, user))
        try:
            return await opening.wait(timeouts)
        finally:
            if not opening.waiting and self._openings.get(origin) is opening:
                del self._openings[origin]
                opening.task.cancel()

    def adopt(self, lease: Lease[Connection], connection: Http2Connection) -> None:
        """Share a connection with later requests, and give its lease back when nobody uses it any more."""
        origin = lease.origin
        self._without_http2.pop(origin, None)
        self._active[origin] = connection

        def unused() -> None:
            if self._active.get(origin) is connection:
                del self._active[origin]
            if connection.usable:
                lease.give_back()
            else:
                lease.finish()

        connection.on_unused = unused

    async def aclose(self) -> None:
        """Stop opening connections."""
        tasks = [opening.task for opening in self._openings.values()]
        for opening in list(self._openings.values()):
            opening.fail(ClientClosed())  # its task may not have begun, and can't tell anybody then
            opening.task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _open(self, url: HttpUrl, user: Hashable) -> None:
        """Open a connection, or take an idle one, for all who wait for it at the end."""
        opening = self._openings[url.origin]
        try:
            lease = await self._pool.acquire(url.origin, user=user)
            opening.has_place.set()
            try:
                if lease.connection is None:
                    lease.connection = await self._connect(url, self.alpn(url.origin))
                self._settle(opening, lease, lease.connection)
            except BaseException:
                lease.drop()
                raise
        except Exception as error:  # whatever it is, it is for those who wait
            opening.fail(error)
        except asyncio.CancelledError:
            opening.fail(ClientClosed())
            raise
        finally:
            if self._openings.get(url.origin) is opening:
                del self._openings[url.origin]

    def _settle(self, opening: _Opening, lease: Lease[Connection], connection: Connection) -> None:
        if isinstance(connection, Http2Connection):
            self.adopt(lease, connection)
            opening.succeed(connection)
        else:
            self._remember(lease.origin, (HTTP2, HTTP1))
            lease.give_back()
            opening.succeed(None)

    def _remember(self, origin: Origin, alpn: tuple[str, ...]) -> None:
        self._without_http2[origin] = alpn
        self._without_http2.move_to_end(origin)
        if len(self._without_http2) > MAX_REMEMBERED:
            self._without_http2.popitem(last=False)


class _Opening:
    """A connection being opened, and those who wait for it."""

    def __init__(self, opening: Awaitable[None]) -> None:
        self.has_place = asyncio.Event()
        self._futures: set[asyncio.Future[Http2Connection | None]] = set()
        self.task = asyncio.ensure_future(opening)

    @property
    def waiting(self) -> int:
        return len(self._futures)

    async def wait(self, timeouts: HttpTimeouts) -> Http2Connection | None:
        """Wait for the connection, entered, or None for HTTP/1.1."""
        future: asyncio.Future[Http2Connection | None] = asyncio.get_running_loop().create_future()
        self._futures.add(future)
        try:
            await self._wait_for_place(timeouts)
            try:
                async with asyncio.timeout(timeouts.connect_s):
                    return await future
            except TimeoutError as error:
                raise HttpConnectTimedOut(seconds=timeouts.connect_s) from error
        except BaseException:
            if future.done() and not future.cancelled() and future.exception() is None:
                connection = future.result()
                if connection is not None:
                    connection.leave()
            raise
        finally:
            self._futures.discard(future)

    async def _wait_for_place(self, timeouts: HttpTimeouts) -> None:
        try:
            async with asyncio.timeout(timeouts.pool_s):
                await self.has_place.wait()
        except TimeoutError as error:
            raise PoolTimedOut(seconds=timeouts.pool_s) from error

    def succeed(self, connection: Http2Connection | None) -> None:
        """Hand the connection to everyone who waits; None sends them to HTTP/1.1."""
        if connection is not None:
            connection.enter()
        for future in self._futures:
            if not future.done():
                if connection is not None:
                    connection.enter()
                future.set_result(connection)
        if connection is not None:
            connection.leave()  # if everyone has just given up, nobody holds it now

    def fail(self, error: Exception) -> None:
        """Tell everyone who waits why there is no connection, each by an error of his own."""
        self.has_place.set()
        for future in self._futures:
            if not future.done():
                own = type(error)(error.template, **error.fields) if isinstance(error, MixError) else error
                future.set_exception(own)
