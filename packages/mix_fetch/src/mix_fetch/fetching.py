"""`mix_fetch`: the Fetch standard's one function, through the mixnet."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping
from dataclasses import replace

from mix_fetch.errors import BadArgument
from mix_fetch.response import Response
from mix_tunnel.api import (
    Body,
    CredentialsMode,
    Fetcher,
    HttpRequest,
    HttpTimeouts,
    InvalidFetchOption,
    RedirectMode,
    TunnelApi,
    find_tunnel,
)

HeadersInit = Mapping[str, str] | Iterable[tuple[str, str]]


async def mix_fetch(
    url: str,
    *,
    method: str = "GET",
    headers: HeadersInit | None = None,
    body: str | Body | bytearray | memoryview = None,
    redirect: RedirectMode = "follow",
    max_redirects: int | None = None,
    timeout_s: float | None = None,
    timeouts: HttpTimeouts | None = None,
    integrity: str = "",
    credentials: CredentialsMode = "same-origin",
    decode: bool = True,
    tunnel: TunnelApi | str | None = None,
) -> Response:
    """Fetch an http or https URL through the mixnet; the answer is here when its headers are, whatever its status.

    method -- any but CONNECT, TRACE and TRACK
    headers -- sent in this order; they replace the browser-like defaults of the same name
    body -- text (sent as UTF-8), bytes, or an asynchronous iterable of bytes that is sent as it comes
    redirect -- "follow", "manual" (give the redirect back), "error" (refuse)
    max_redirects -- redirects to follow before it fails; the tunnel's by default
    timeout_s -- limit in seconds for everything, the body's last byte included
    timeouts -- limits for connecting, for the answer's head and between pieces; the tunnel's by default
    integrity -- what the body must hash to, as Subresource Integrity writes it: "sha256-…"
    credentials -- whether cookies of the tunnel's jar are sent and stored: "omit", "same-origin" (the first URL's
        origin only) or "include"; a tunnel has a jar only with the option `cookies`
    decode -- False leaves the body compressed as it comes, and its headers as they were sent
    tunnel -- a tunnel, or the name of a shared one; the default one of `setup_mix_tunnel` by default

    Raises a `MixError` with a stable `code` for whatever fails before the headers are here. Cancelling the task that
    waits stops the work in the tunnel.
    """
    if not isinstance(url, str):
        raise BadArgument.of("url", "a text")
    if not isinstance(method, str):
        raise BadArgument.of("method", "a text")
    header_list = _header_list(headers)
    if isinstance(body, str):
        body = body.encode()
        if not any(name.lower() == "content-type" for name, _ in header_list):
            header_list.append(("Content-Type", "text/plain;charset=UTF-8"))
    elif body is not None and not isinstance(body, (bytes, bytearray, memoryview, AsyncIterable)):
        raise BadArgument.of("body", "text, bytes, or an asynchronous iterable of bytes")
    http = find_tunnel(tunnel).http
    request = HttpRequest(
        method,
        url,
        header_list,
        body,
        redirect,
        _limits(timeouts, timeout_s, http),
        max_redirects=max_redirects,
        integrity=integrity,
        credentials=credentials,
        decode=decode,
    )
    return Response(await http.fetch(request))


fetch = mix_fetch
"""The same function by the Fetch standard's name."""


def _limits(timeouts: HttpTimeouts | None, total_s: float | None, http: Fetcher) -> HttpTimeouts | None:
    if timeouts is not None and not isinstance(timeouts, HttpTimeouts):
        raise BadArgument.of("timeouts", "HttpTimeouts")
    if total_s is None:
        return timeouts
    try:
        return replace(timeouts or http.timeouts, total_s=total_s)
    except InvalidFetchOption as error:
        raise BadArgument.of("timeout_s", "a number of seconds above 0") from error


def _header_list(headers: HeadersInit | None) -> list[tuple[str, str]]:
    items = headers.items() if isinstance(headers, Mapping) else headers or ()
    try:
        pairs = [(name, value) for name, value in items]
    except (TypeError, ValueError) as error:
        raise BadArgument.of("headers", "a mapping, or pairs of name and value") from error
    if not all(isinstance(name, str) and isinstance(value, str) for name, value in pairs):
        raise BadArgument.of("headers", "names and values that are texts")
    return pairs
