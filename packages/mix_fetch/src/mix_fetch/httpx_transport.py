"""`MixTransport`: programs written for `httpx.AsyncClient` go through the mixnet by changing one line.

httpx stays the client: it follows redirects, keeps cookies and authenticates as ever. What this transport adds is the
way to the server, the appearance of a browser where the program states nothing else, and decoding that stops nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

import httpx

from mix_fetch.errors import BadArgument
from mix_fetch.httpx_errors import translate
from mix_fetch.httpx_response import SteadyResponse
from mix_fetch.httpx_upgrade import UpgradedStream
from mix_protocol.errors import MixError
from mix_tunnel.api import (
    Body,
    HttpRequest,
    HttpTimeouts,
    Phase,
    StreamedResponse,
    Tunnel,
    TunnelApi,
    TunnelOptions,
    find_tunnel,
)

_OF_THE_CONNECTION = frozenset(
    {b"connection", b"expect", b"keep-alive", b"proxy-connection", b"te", b"transfer-encoding"}
)
"""Headers that tell one connection what to do; the tunnel manages its own."""
_LIBRARY_NAME = b"python-httpx/"
_SHORTEST_S = 1e-6
"""httpx takes a limit of 0, which nothing can keep."""


class MixTransport(httpx.AsyncBaseTransport):
    """Carries an `httpx.AsyncClient`'s requests through a tunnel: `httpx.AsyncClient(transport=MixTransport())`.

    tunnel -- a tunnel, or the name of a shared one; the default one of `setup_mix_tunnel` by default
    options -- sets up a tunnel of the transport's own, upon the first request; `aclose` closes it. A shared tunnel is
        never closed.

    Every failure is the exception that httpx has for it, with the `MixError` as its `__cause__`.
    """

    def __init__(self, tunnel: TunnelApi | str | None = None, *, options: TunnelOptions | None = None) -> None:
        if options is not None and not isinstance(options, TunnelOptions):
            raise BadArgument.of("options", "TunnelOptions")
        if tunnel is not None and options is not None:
            raise BadArgument("give either a tunnel or options for one, not both")
        if not (tunnel is None or isinstance(tunnel, str) or hasattr(tunnel, "http")):
            raise BadArgument.of("tunnel", "a tunnel, or the name of one")
        self._shared = tunnel
        self._options = options
        self._own: Tunnel | None = None
        self._setting_up = asyncio.Lock()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request as it is; httpx's client does the rest."""
        try:
            response = await (await self._tunnel()).http.fetch(_convert(request))
        except MixError as error:
            raise translate(error, request, begun=False) from error
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
        extensions: dict[str, Any] = {
            "http_version": f"HTTP/{response.http_version}".encode("ascii"),
            "reason_phrase": response.reason.encode("latin-1"),
        }
        if response.switched is not None:
            extensions["network_stream"] = UpgradedStream(response.switched)
        return SteadyResponse(
            response.status, headers=headers, stream=_Body(response, request), extensions=extensions, request=request
        )

    async def aclose(self) -> None:
        """Close the transport's own tunnel, if it has one. Idempotent."""
        own, self._own = self._own, None
        if own is not None:
            await own.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.aclose()

    async def _tunnel(self) -> TunnelApi:
        if self._options is None:
            return find_tunnel(self._shared)
        async with self._setting_up:
            if self._own is None or self._own.state.phase in (Phase.FAILED, Phase.SHUTDOWN):
                await self.aclose()
                self._own = await Tunnel.connect(self._options)
            return self._own


class _Body(httpx.AsyncByteStream):
    """A response's body as it was on the wire."""

    def __init__(self, response: StreamedResponse, request: httpx.Request) -> None:
        self._response = response
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while piece := await self._response.read():
                yield piece
        except MixError as error:
            raise translate(error, self._request, begun=True) from error

    async def aclose(self) -> None:
        await self._response.aclose()


def _convert(request: httpx.Request) -> HttpRequest:
    url = request.url
    authority = url.netloc.decode("ascii")
    return HttpRequest(
        request.method,
        f"{url.scheme}://{authority}{url.raw_path.decode('ascii')}",
        _headers(request, authority),
        _content(request),
        "manual",
        _timeouts(request),
        credentials="omit",
        decode=False,
        upgrade=_asks_for_upgrade(request),
    )


def _asks_for_upgrade(request: httpx.Request) -> bool:
    connection = request.headers.get_list("connection", split_commas=True)
    return "upgrade" in request.headers and any(word.strip().lower() == "upgrade" for word in connection)


def _headers(request: httpx.Request, authority: str) -> list[tuple[str, str]]:
    """The program's headers, without those that would tell which library it uses."""
    headers: list[tuple[str, str]] = []
    for name, value in request.headers.raw:
        lower = name.lower()
        if lower in _OF_THE_CONNECTION or (lower == b"host" and value.decode("latin-1") == authority):
            continue
        if lower == b"user-agent" and value.startswith(_LIBRARY_NAME):
            continue  # the tunnel puts a browser's in its place
        headers.append((name.decode("latin-1"), value.decode("latin-1")))
    if "accept-encoding" not in request.headers:
        headers.append(("Accept-Encoding", "identity"))  # httpx decodes what it knows, and asked for nothing
    return headers


def _content(request: httpx.Request) -> Body:
    try:
        return request.content or None
    except httpx.RequestNotRead:
        assert isinstance(request.stream, httpx.AsyncByteStream)  # the client has refused others
        return request.stream


def _timeouts(request: httpx.Request) -> HttpTimeouts | None:
    """httpx's four limits, where the client states them; there is none for a whole request."""
    given = request.extensions.get("timeout")
    if given is None:
        return None
    connect, read, write, pool = (
        None if limit is None else max(limit, _SHORTEST_S)
        for limit in (given.get(name) for name in ("connect", "read", "write", "pool"))
    )
    return HttpTimeouts(connect_s=connect, response_s=read, idle_s=read, write_s=write, pool_s=pool)
