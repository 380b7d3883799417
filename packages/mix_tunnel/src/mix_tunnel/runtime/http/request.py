"""A request as the caller states it, and as it goes onto the wire."""

from __future__ import annotations

import math
import re
from collections.abc import AsyncIterable, Hashable, Sequence, Set
from dataclasses import KW_ONLY, dataclass, field, fields
from typing import Literal, TypeGuard, get_args

from .decoders import available_codings
from .errors import BadBody, BadHeader, BadMethod, ForbiddenHeader, InvalidFetchOption
from .url import HttpUrl

RedirectMode = Literal["follow", "manual", "error"]
CredentialsMode = Literal["omit", "same-origin", "include"]
Body = bytes | AsyncIterable[bytes] | None
HeaderList = list[tuple[str, str]]

USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
"""One for everybody, so that it tells nobody apart: the published client's."""
ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
DEFAULT_HEADERS: tuple[tuple[str, str], ...] = (
    ("User-Agent", USER_AGENT),
    ("Accept", ACCEPT),
    ("Accept-Language", "en-US,en;q=0.9"),
)
"""Sent unless the caller gives the same header, with Accept-Encoding: the published client's, in a browser's order."""

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
    """Limits in seconds; None waits for as long as the tunnel lives. Raises `InvalidFetchOption` for anything else."""

    connect_s: float | None = 60.0
    """For a new connection: name, TCP and TLS."""
    response_s: float | None = 300.0
    """From the request's last byte to the response's head."""
    idle_s: float | None = 300.0
    """Between two pieces of the response's body, while none of the request's leaves either."""
    write_s: float | None = 300.0
    """For the connection to take the next piece of the request."""
    pool_s: float | None = None
    """For a connection to become free when as many as allowed are in use."""
    total_s: float | None = None
    """For everything, redirects and the body's last byte included."""

    def __post_init__(self) -> None:
        """Check every limit."""
        for limit in fields(self):
            value: object = getattr(self, limit.name)
            if value is None or (_is_number(value) and 0 < value < math.inf):
                continue
            raise InvalidFetchOption.of(limit.name, "a time above 0, or nothing for no limit")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What to fetch. Nothing is checked before `prepare`."""

    method: str
    url: str = field(repr=False)
    headers: Sequence[tuple[str, str]] = field(default=(), repr=False)
    body: Body | bytearray | memoryview = field(default=None, repr=False)
    redirect: RedirectMode = "follow"
    timeouts: HttpTimeouts | None = None
    """None takes the client's."""
    _: KW_ONLY
    max_redirects: int | None = None
    """Redirects to follow before `TooManyRedirects`; None takes the client's."""
    integrity: str = ""
    """What the body must hash to, as Subresource Integrity writes it ("sha256-…"); nothing is read before it fits."""
    credentials: CredentialsMode = "same-origin"
    """Whether the tunnel's cookies are sent and stored: never, for the first URL's origin only, or for every URL."""
    decode: bool = True
    """Whether Content-Encoding is undone; otherwise body and headers come as they were on the wire."""
    default_headers: bool = True
    """Whether the headers of a browser are added; otherwise none are but Host and the body's framing."""
    upgrade: bool = False
    """Whether the header Upgrade may ask for another protocol; the request goes over an HTTP/1.1 connection of its own,
    whose bytes are the caller's when the answer is 101."""
    user: Hashable = field(default=None, repr=False)
    """Whose request it is, where several share the client: each has as many connections as one alone would have."""


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """A checked request to one URL, ready to be sent."""

    method: str
    url: HttpUrl = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    """The caller's own headers; `wire_headers` adds the rest."""
    body: Body = field(repr=False)
    decode: bool = True
    default_headers: bool = True
    upgrade: bool = False
    user: Hashable = field(default=None, repr=False)

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
        wire: HeaderList = [("Host", host[0])]
        if self.upgrade:
            wire.append(("Connection", "Upgrade"))
        elif self.default_headers:
            wire.append(("Connection", "keep-alive"))
        if "content-length" not in own:
            wire += self._framing()
        if self.default_headers:
            browsers = [*DEFAULT_HEADERS[:2], ("Accept-Encoding", self._accept_encoding(own)), *DEFAULT_HEADERS[2:]]
            wire += [(name, value) for name, value in browsers if name.lower() not in own]
        return wire + [(name, value) for name, value in self.headers if name.lower() != "host"]

    def _accept_encoding(self, own: Set[str]) -> str:
        """What we decode; nothing coded when nobody decodes it, nor for a part of a body (Fetch standard, 4.6)."""
        return ", ".join(available_codings()) if self.decode and "range" not in own else "identity"

    def _framing(self) -> HeaderList:
        if isinstance(self.body, bytes):
            return [("Content-Length", str(len(self.body)))]
        if self.body is not None:
            return [("Transfer-Encoding", "chunked")]
        return [("Content-Length", "0")] if self.method in _METHODS_WITH_BODY else []


def prepare(request: HttpRequest) -> PreparedRequest:
    """Check a request; raises a `UsageError`: `BadUrl`, `BadMethod`, `BadHeader`, `BadBody`, `InvalidFetchOption`…"""
    _check_options(request)
    body = request.body
    if isinstance(body, (bytearray, memoryview)):
        body = bytes(body)
    if body is not None and not isinstance(body, (bytes, AsyncIterable)):
        raise BadBody
    headers = tuple((name, value.strip(" \t")) for name, value in request.headers)
    _check_headers(headers, body, upgrade=request.upgrade)
    return PreparedRequest(
        normal_method(request.method),
        HttpUrl.parse(request.url),
        headers,
        body,
        decode=request.decode,
        default_headers=request.default_headers,
        upgrade=request.upgrade,
        user=request.user,
    )


def normal_method(method: str) -> str:
    """Check a method and write the usual ones in capitals, as the Fetch standard does."""
    if not _TOKEN.fullmatch(method) or method.upper() in _FORBIDDEN_METHODS:
        raise BadMethod
    return method.upper() if method.upper() in _NORMALIZED_METHODS else method


def _check_options(request: HttpRequest) -> None:
    """Refuse what no option may be, with its name and what is allowed."""
    for name, words in (("redirect", get_args(RedirectMode)), ("credentials", get_args(CredentialsMode))):
        if getattr(request, name) not in words:
            raise InvalidFetchOption.of(name, ", ".join(f'"{word}"' for word in words[:-1]) + f' or "{words[-1]}"')
    for name in ("decode", "default_headers", "upgrade"):
        if not isinstance(getattr(request, name), bool):
            raise InvalidFetchOption.of(name, "true or false")
    limit: object = request.max_redirects
    if limit is not None and not (isinstance(limit, int) and not isinstance(limit, bool) and 0 <= limit <= 100):
        raise InvalidFetchOption.of("max_redirects", "a whole number from 0 to 100")
    if not isinstance(request.integrity, str):
        raise InvalidFetchOption.of("integrity", "a text such as sha256-…")
    if request.timeouts is not None and not isinstance(request.timeouts, HttpTimeouts):
        raise InvalidFetchOption.of("timeouts", "HttpTimeouts")


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check_headers(headers: Sequence[tuple[str, str]], body: Body, *, upgrade: bool) -> None:
    forbidden = _FORBIDDEN_HEADERS - {"upgrade"} if upgrade else _FORBIDDEN_HEADERS
    singular: set[str] = set()
    for name, value in headers:
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise BadHeader(header=name if _TOKEN.fullmatch(name) else None)
        lower = name.lower()
        if lower in forbidden or (lower in ("host", "content-length") and lower in singular):
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
