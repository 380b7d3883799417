"""The HTTP client: redirects, cookies, decoding and checks around single exchanges."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from mix_protocol.errors import MixError

from ...streams import IpNetwork
from ..dns.resolver import Resolver
from ..tls import TlsSettings
from .cookies import CookieJar, CookieScope
from .deadline import Deadline
from .decoding import codings_of, decoded, headers_without_coding
from .errors import RedirectRefused, TooManyRedirects
from .integrity import IntegrityMetadata
from .options import HttpOptions
from .plain_http import PlainHttpPolicy
from .redirects import REDIRECT_STATUSES, redirect_target, redirected
from .request import HttpRequest, HttpTimeouts, PreparedRequest, prepare
from .response import BytesReader, HttpResponse
from .transport import HttpTransport
from .wire_response import WireResponse

MAX_DISCARDED_BYTES = 65_536
"""Of a redirect's body; more is not worth the wait, and the connection is dropped."""
DISCARD_TIMEOUT_S = 5.0


class HttpClient:
    """Fetches http and https URLs through an `IpNetwork`; connections are kept alive and shared by all requests.

    cookies -- the jar that requests send from and store into, as their `credentials` say; None keeps no cookies
    """

    def __init__(
        self,
        resolver: Resolver,
        network: IpNetwork,
        tls: TlsSettings | None = None,
        options: HttpOptions | None = None,
        cookies: CookieJar | None = None,
    ) -> None:
        self._options = options or HttpOptions()
        self._cookies = cookies
        self._plain_http = PlainHttpPolicy(https_only=self._options.https_only)
        self.timeouts = self._options.timeouts
        """The limits of a request that states none."""
        self.transport = HttpTransport(resolver, network, tls or TlsSettings(), self._options)

    async def fetch(self, request: HttpRequest) -> HttpResponse:
        """Send a request and return the response once its head is here; any HTTP status is an answer.

        With `integrity` it returns once the whole body is here and is the right one. Raises a `MixError`: `fetch.*`
        for what can't be sent, followed or trusted, `dns.*`, `tcp.*`, `tls.*` and `http.*` for what fails on the way.
        Cancelling drops the connection.
        """
        prepared = prepare(request)
        self._plain_http.check(prepared.url)
        timeouts = request.timeouts or self.timeouts
        deadline = Deadline(timeouts.total_s)
        async with deadline.limit():
            last, wire = await self._follow(request, prepared, timeouts)
            try:
                return await _finish(request, prepared, last, wire, deadline)
            except BaseException:
                wire.abort()
                raise

    async def _follow(
        self, request: HttpRequest, prepared: PreparedRequest, timeouts: HttpTimeouts
    ) -> tuple[PreparedRequest, WireResponse]:
        """Exchange after exchange, to the answer that the caller gets; returns that and the request it answers."""
        limit = self._options.max_redirects if request.max_redirects is None else request.max_redirects
        cookies = CookieScope(self._cookies, request.credentials, prepared.url)
        redirects = 0
        while True:
            wire = await self.transport.send(cookies.attach(prepared), timeouts)
            try:
                cookies.learn(prepared.url, wire.head.headers)
                if request.redirect == "manual":
                    return prepared, wire
                if request.redirect == "error" and wire.head.status in REDIRECT_STATUSES:
                    raise RedirectRefused
                target = redirect_target(prepared.url, wire.head.status, wire.head.headers)
                if target is None:
                    return prepared, wire
                if redirects >= limit:
                    raise TooManyRedirects(limit=limit)
                self._plain_http.check(target, prepared.url)
                prepared = redirected(prepared, wire.head.status, target)
            except BaseException:
                wire.abort()
                raise
            await _discard(wire)
            redirects += 1

    async def aclose(self) -> None:
        """Close every connection; requests under way fail."""
        await self.transport.aclose()


async def _finish(
    request: HttpRequest, first: PreparedRequest, last: PreparedRequest, wire: WireResponse, deadline: Deadline
) -> HttpResponse:
    """Make the response: decoded and checked where that was asked for."""
    head = wire.head
    codings = codings_of(last.method, head) if request.decode else ()
    if codings:
        head = replace(head, headers=headers_without_coding(head.headers))
    body = decoded(wire, codings)
    integrity = IntegrityMetadata(request.integrity)
    if integrity:
        body = BytesReader(await integrity.read_verified(body))
    return HttpResponse(head, wire, body, last.url, redirected=last is not first, deadline=deadline)


async def _discard(wire: WireResponse) -> None:
    """Read the short rest of a redirect so that its connection can be used again, or drop it; failing does no harm."""
    wanted = MAX_DISCARDED_BYTES
    try:
        async with asyncio.timeout(DISCARD_TIMEOUT_S):
            while wanted > 0 and (piece := await wire.read()):
                wanted -= len(piece)
    except (TimeoutError, MixError):
        pass
    finally:
        wire.abort()
