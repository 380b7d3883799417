"""What a redirect makes of a request (Fetch standard, "HTTP-redirect fetch"; RFC 9110 section 15.4)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from .errors import BadRedirect, BadUrl, BodyNotReplayable
from .request import PreparedRequest
from .url import HttpUrl

_NOT_ASCII = re.compile(r"[\x80-\xff]")
REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
_BODY_HEADERS = frozenset(
    {"content-encoding", "content-language", "content-length", "content-location", "content-type"}
)
_CREDENTIAL_HEADERS = frozenset({"authorization", "cookie", "cookie2", "proxy-authorization", "host"})


def redirect_target(url: HttpUrl, status: int, headers: Sequence[tuple[str, str]]) -> HttpUrl | None:
    """Where a response sends us, or None when it does not redirect; raises `BadRedirect`."""
    if status not in REDIRECT_STATUSES:
        return None
    locations = {value for name, value in headers if name.lower() == "location"}
    if locations <= {""}:  # an empty one leads nowhere, for browsers and curl
        return None
    if len(locations) > 1:
        raise BadRedirect("the server redirects to several URLs at the same time")
    (location,) = locations
    try:
        # Header bytes arrive as Latin-1 text. Whatever they mean, the server gets the same ones back, as from browsers.
        return url.join(_NOT_ASCII.sub(lambda byte: f"%{ord(byte[0]):02X}", location))
    except BadUrl as error:
        raise BadRedirect from error


def redirected(request: PreparedRequest, status: int, target: HttpUrl) -> PreparedRequest:
    """The request to send next: the method rewritten where browsers do, credentials kept within the origin only.

    Nothing names the page before (no Referer is added), and a caller's own does not go from https to plain http
    (RFC 9110 section 10.1.3). Raises `BodyNotReplayable`.
    """
    method, body, headers = request.method, request.body, request.headers
    to_get = (status in (301, 302) and method == "POST") or (status == 303 and method not in ("GET", "HEAD"))
    if to_get:
        method, body = "GET", None
        headers = tuple(header for header in headers if header[0].lower() not in _BODY_HEADERS)
    elif not request.replayable:
        raise BodyNotReplayable
    if target.origin != request.url.origin:
        headers = tuple(header for header in headers if header[0].lower() not in _CREDENTIAL_HEADERS)
    if (request.url.scheme, target.scheme) == ("https", "http"):
        headers = tuple(header for header in headers if header[0].lower() != "referer")
    return replace(request, method=method, url=target, headers=headers, body=body)
