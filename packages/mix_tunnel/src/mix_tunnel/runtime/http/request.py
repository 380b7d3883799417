"""A request as the caller states it, and as it goes onto the wire."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from .errors import BadBody, BadHeader, BadMethod, ForbiddenHeader
from .url import HttpUrl

RedirectMode = Literal["follow", "manual", "error"]
Body = bytes | AsyncIterable[bytes] | None
HeaderList = list[tuple[str, str]]

USER_AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
)
"""One for everybody, so that it tells nobody apart: the most common browser's."""
DEFAULT_HEADERS: tuple[tuple[str, str], ...] = (
    ("User-Agent", USER_AGENT),
    ("Accept", "*/*"),
    ("Accept-Encoding", "identity"),
    ("Accept-Language", "en-US,en;q=0.9"),
)
"""Sent unless the caller gives the same header; names and order are a browser's."""

IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_NORMALIZED_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH"})
_FORBIDDEN_METHODS = frozenset({"CONNECT", "TRACE", "TRACK"})
_METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_FORBIDDEN_HEADERS = frozenset(
    {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "te", "trailer", "upgrade", "expect"}
)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\x21-\x7e\x80-\xff]([\x20-\x7e\x80-\xff\t]*[\x21-\x7e\x80-\xff])?|")


@dataclass(frozen=True, slots=True)
class HttpTimeouts:
    """Limits in seconds; None waits for as long as the tunnel lives."""

    connect_s: float | None = 60.0
    """For a new connection: name, TCP and TLS."""
    response_s: float | None = 300.0
    """From the request's last byte to the response's head."""
    idle_s: float | None = 300.0
    """Between two pieces of a body."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What to fetch. Nothing is checked before `prepare`."""

    method: str
    url: str
    headers: Sequence[tuple[str, str]] = ()
    body: Body | bytearray | memoryview = field(default=None, repr=False)
    redirect: RedirectMode = "follow"
    timeouts: HttpTimeouts | None = None
    """None takes the client's."""


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """A checked request to one URL, ready to be sent."""

    method: str
    url: HttpUrl
    headers: tuple[tuple[str, str], ...]
    """The caller's own headers; `wire_headers` adds the rest."""
    body: Body = field(repr=False)

    @property
    def replayable(self) -> bool:
        """Whether the body can be sent a second time."""
        return self.body is None or isinstance(self.body, bytes)

    @property
    def retryable(self) -> bool:
        """Whether sending it twice does no harm (RFC 9110 section 9.2.2)."""
        return self.replayable and self.method in IDEMPOTENT_METHODS

    def wire_headers(self) -> HeaderList:
        """All the headers in the order of a browser: Host, Connection, framing, then ours and the caller's."""
        own = {name.lower() for name, _ in self.headers}
        host = [value for name, value in self.headers if name.lower() == "host"] or [self.url.authority]
        wire: HeaderList = [("Host", host[0]), ("Connection", "keep-alive")]
        if "content-length" not in own:
            wire += self._framing()
        wire += [(name, value) for name, value in DEFAULT_HEADERS if name.lower() not in own]
        return wire + [(name, value) for name, value in self.headers if name.lower() != "host"]

    def _framing(self) -> HeaderList:
        if isinstance(self.body, bytes):
            return [("Content-Length", str(len(self.body)))]
        if self.body is not None:
            return [("Transfer-Encoding", "chunked")]
        return [("Content-Length", "0")] if self.method in _METHODS_WITH_BODY else []


def prepare(request: HttpRequest) -> PreparedRequest:
    """Check a request; raises `BadUrl`, `BadMethod`, `BadHeader`, `ForbiddenHeader` or `BadBody`."""
    body = request.body
    if isinstance(body, (bytearray, memoryview)):
        body = bytes(body)
    if body is not None and not isinstance(body, (bytes, AsyncIterable)):
        raise BadBody
    headers = tuple((name, value.strip(" \t")) for name, value in request.headers)
    _check_headers(headers, body)
    if request.redirect not in ("follow", "manual", "error"):
        raise BadMethod('redirect must be "follow", "manual" or "error"')
    return PreparedRequest(normal_method(request.method), HttpUrl.parse(request.url), headers, body)


def normal_method(method: str) -> str:
    """Check a method and write the usual ones in capitals, as the Fetch standard does."""
    if not _TOKEN.fullmatch(method) or method.upper() in _FORBIDDEN_METHODS:
        raise BadMethod
    return method.upper() if method.upper() in _NORMALIZED_METHODS else method


def _check_headers(headers: Sequence[tuple[str, str]], body: Body) -> None:
    singular: set[str] = set()
    for name, value in headers:
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise BadHeader(header=name if _TOKEN.fullmatch(name) else None)
        lower = name.lower()
        if lower in _FORBIDDEN_HEADERS or (lower in ("host", "content-length") and lower in singular):
            raise ForbiddenHeader(header=name)
        singular.add(lower)
        if lower == "content-length":
            _check_length(value, body)


def _check_length(value: str, body: Body) -> None:
    """A length that the caller states must be true: a false one would let the rest pass for another request."""
    if not (value.isascii() and value.isdigit() and len(value) < 16):
        raise BadHeader("Content-Length must be a number", header="Content-Length")
    if not isinstance(body, AsyncIterable) and int(value) != len(body or b""):
        raise BadBody("Content-Length differs from the body's length; leave the header out")
