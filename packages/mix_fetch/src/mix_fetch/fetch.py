"""`mix_fetch`: the Fetch standard's one function, through the mixnet."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping

from mix_fetch.errors import BadArgument
from mix_fetch.response import Response
from mix_tunnel.api import Body, HttpRequest, HttpTimeouts, RedirectMode, TunnelApi, get_mix_tunnel

HeadersInit = Mapping[str, str] | Iterable[tuple[str, str]]


async def mix_fetch(
    url: str,
    *,
    method: str = "GET",
    headers: HeadersInit | None = None,
    body: str | Body | bytearray | memoryview = None,
    redirect: RedirectMode = "follow",
    timeouts: HttpTimeouts | None = None,
    tunnel: TunnelApi | None = None,
) -> Response:
    """Fetch an http or https URL through the mixnet; the answer is here when its headers are, whatever its status.

    headers -- sent in this order; they replace the browser-like defaults of the same name
    body -- text (sent as UTF-8), bytes, or an asynchronous iterable of bytes that is sent as it comes
    redirect -- "follow" (up to the tunnel's max_redirects), "manual" (give the redirect back), "error" (refuse)
    timeouts -- limits for connecting, for the answer's head and between pieces; the tunnel's by default
    tunnel -- the shared one of `setup_mix_tunnel` by default

    Raises a `MixError` with a stable `code` for whatever fails before the headers are here. Cancelling the task that
    waits stops the work in the tunnel; `asyncio.timeout` gives a deadline.
    """
    if not isinstance(url, str):
        raise BadArgument("the URL must be a text")
    header_list = _header_list(headers)
    if isinstance(body, str):
        body = body.encode()
        if not any(name.lower() == "content-type" for name, _ in header_list):
            header_list.append(("Content-Type", "text/plain;charset=UTF-8"))
    elif body is not None and not isinstance(body, (bytes, bytearray, memoryview, AsyncIterable)):
        raise BadArgument("the body must be text, bytes, or an asynchronous iterable of bytes")
    request = HttpRequest(method, url, header_list, body, redirect, timeouts)
    http = (tunnel if tunnel is not None else get_mix_tunnel()).http
    return Response(await http.fetch(request))


def _header_list(headers: HeadersInit | None) -> list[tuple[str, str]]:
    items = headers.items() if isinstance(headers, Mapping) else headers or ()
    try:
        pairs = [(name, value) for name, value in items]
    except (TypeError, ValueError) as error:
        raise BadArgument("headers must be a mapping, or pairs of name and value") from error
    if not all(isinstance(name, str) and isinstance(value, str) for name, value in pairs):
        raise BadArgument("names and values of headers must be texts")
    return pairs
