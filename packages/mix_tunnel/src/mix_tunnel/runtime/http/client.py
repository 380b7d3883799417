"""The HTTP client: redirects around single exchanges."""

from __future__ import annotations

from ...streams import IpNetwork
from ..dns.resolver import Resolver
from ..tls import TlsSettings
from .errors import RedirectRefused, TooManyRedirects
from .options import HttpOptions
from .redirects import redirect_target, redirected
from .request import HttpRequest, prepare
from .response import HttpResponse
from .transport import HttpTransport

MAX_DISCARDED_BYTES = 65_536
"""Of a redirect's body; more is not worth the wait, and the connection is dropped."""
DISCARD_TIMEOUT_S = 5.0


class HttpClient:
    """Fetches http and https URLs through an `IpNetwork`; connections are kept alive and shared by all requests."""

    def __init__(
        self,
        resolver: Resolver,
        network: IpNetwork,
        tls: TlsSettings | None = None,
        options: HttpOptions | None = None,
    ) -> None:
        self._options = options or HttpOptions()
        self.timeouts = self._options.timeouts
        """The limits of a request that states none."""
        self.transport = HttpTransport(resolver, network, tls or TlsSettings(), self._options)

    async def fetch(self, request: HttpRequest) -> HttpResponse:
        """Send a request and return the response once its head is here; any HTTP status is an answer.

        Raises a `MixError`: `fetch.*` for what can't be sent or followed, `dns.*`, `tcp.*`, `tls.*` and `http.*` for
        what fails on the way. Cancelling drops the connection.
        """
        prepared = prepare(request)
        timeouts = request.timeouts or self.timeouts
        redirects = 0
        while True:
            wire = await self.transport.send(prepared, timeouts)
            response = HttpResponse(wire, prepared.url, redirected=redirects > 0)
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
        await self.transport.aclose()
