"""Requests to every endpoint of httpbin, and what has to be the same whichever way they take."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

HEADERS = {
    "User-Agent": "httpbin-table",
    "Accept": "*/*",
    "Accept-Encoding": "gzip, deflate, br",
    "Accept-Language": "en",
}
"""Stated with every request, since httpbin tells them back."""


@dataclass(frozen=True, eq=False)
class Case:
    """One request; `rule` is the endpoint's row in the table."""

    rule: str
    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    cookies: bool = False
    """Whether it needs a jar."""

    @property
    def draws(self) -> bool:
        """Whether it uses httpbin's only generator of random numbers: two at a time would disturb each other."""
        return "bytes" in self.rule

    @property
    def all_headers(self) -> dict[str, str]:
        return {**HEADERS, **self.headers}

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def _methods(rule: str, path: str, methods: str) -> list[Case]:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return [
        Case(rule, path, method, form if method in ("POST", "PUT", "PATCH") else {}, _BODIES.get(method))
        for method in methods.split()
    ]


_BODIES = {"POST": b"a=1&b=%C3%A4", "PUT": b"a=1", "PATCH": b"a=1&a=2"}
_ANY = "GET POST PUT PATCH DELETE"
_JSON = {"Content-Type": "application/json"}
_BASIC = {"Authorization": "Basic dXNlcjpwYXNz"}

CASES: tuple[Case, ...] = (
    Case("/", "/"),
    Case("/html", "/html"),
    Case("/robots.txt", "/robots.txt"),
    Case("/deny", "/deny"),
    Case("/ip", "/ip"),
    Case("/uuid", "/uuid"),
    Case("/headers", "/headers", headers={"X-Own": "1"}),
    Case("/user-agent", "/user-agent"),
    Case("/get", "/get?a=1&a=2&b=%C3%A4"),
    *_methods("/anything", "/anything", _ANY),
    *_methods("/anything/&lt;path&gt;", "/anything/a%20b?c=d", _ANY),
    Case("/post", "/post", "POST", _JSON, b'{"a": ["\xc3\xa4", null]}'),
    Case("/post", "/post", "POST", {"Content-Type": "application/octet-stream"}, bytes(range(256)) * 300),
    *_methods("/put", "/put", "PUT"),
    *_methods("/patch", "/patch", "PATCH"),
    *_methods("/delete", "/delete", "DELETE"),
    Case("/gzip", "/gzip"),
    Case("/deflate", "/deflate"),
    Case("/brotli", "/brotli"),
    Case("/redirect/&lt;n&gt;", "/redirect/3"),
    Case("/redirect-to", "/redirect-to?url=/get"),
    Case("/redirect-to", "/redirect-to?url=/anything&status_code=307", "POST", _JSON, b"{}"),
    Case("/redirect-to", "/redirect-to?url=/anything&status_code=303", "POST", _JSON, b"{}"),
    Case("/relative-redirect/&lt;n&gt;", "/relative-redirect/3"),
    Case("/absolute-redirect/&lt;n&gt;", "/absolute-redirect/3"),
    Case("/stream/&lt;n&gt;", "/stream/5"),
    *(Case("/status/&lt;codes&gt;", f"/status/{status}") for status in (200, 204, 304, 401, 402, 404, 406, 418, 503)),
    Case("/status/&lt;codes&gt;", "/status/500", "DELETE"),
    Case("/response-headers", "/response-headers?X-Own=1&X-Own=2&Content-Language=de"),
    Case("/response-headers", "/response-headers?X-Own=3", "POST"),
    Case("/cookies", "/cookies", headers={"Cookie": "a=1; b=2"}),
    Case("/forms/post", "/forms/post"),
    Case("/cookies/set/&lt;name&gt;/&lt;value&gt;", "/cookies/set/a/1", cookies=True),
    Case("/cookies/set", "/cookies/set?a=1&b=2", cookies=True),
    Case("/cookies/delete", "/cookies/delete?a", cookies=True),
    Case("/basic-auth/&lt;user&gt;/&lt;passwd&gt;", "/basic-auth/user/pass", headers=_BASIC),
    Case("/basic-auth/&lt;user&gt;/&lt;passwd&gt;", "/basic-auth/user/pass"),
    Case("/hidden-basic-auth/&lt;user&gt;/&lt;passwd&gt;", "/hidden-basic-auth/user/pass", headers=_BASIC),
    Case("/hidden-basic-auth/&lt;user&gt;/&lt;passwd&gt;", "/hidden-basic-auth/user/wrong", headers=_BASIC),
    Case("/bearer", "/bearer", headers={"Authorization": "Bearer token"}),
    Case("/bearer", "/bearer"),
    Case("/digest-auth/&lt;qop&gt;/&lt;user&gt;/&lt;passwd&gt;", "/digest-auth/auth/user/pass"),
    Case(
        "/digest-auth/&lt;qop&gt;/&lt;user&gt;/&lt;passwd&gt;/&lt;algorithm&gt;", "/digest-auth/auth/user/pass/SHA-256"
    ),
    Case(
        "/digest-auth/&lt;qop&gt;/&lt;user&gt;/&lt;passwd&gt;/&lt;algorithm&gt;/&lt;stale_after&gt;",
        "/digest-auth/auth/user/pass/MD5/never",
    ),
    Case("/delay/&lt;delay&gt;", "/delay/1"),
    Case("/drip", "/drip?duration=1&numbytes=10&code=200&delay=0"),
    Case("/base64/&lt;value&gt;", "/base64/aGVsbG8gbWl4bmV0"),
    Case("/cache", "/cache"),
    Case("/cache", "/cache", headers={"If-None-Match": "any"}),
    Case("/etag/&lt;etag&gt;", "/etag/abc"),
    Case("/etag/&lt;etag&gt;", "/etag/abc", headers={"If-None-Match": '"abc"'}),
    Case("/etag/&lt;etag&gt;", "/etag/abc", headers={"If-Match": '"other"'}),
    Case("/cache/&lt;value&gt;", "/cache/60"),
    Case("/encoding/utf8", "/encoding/utf8"),
    Case("/bytes/&lt;n&gt;", "/bytes/100000?seed=1"),
    Case("/bytes/&lt;n&gt;", "/bytes/0?seed=1"),
    Case("/stream-bytes/&lt;n&gt;", "/stream-bytes/50000?seed=1&chunk_size=1000"),
    Case("/range/&lt;numbytes&gt;", "/range/1000"),
    Case("/range/&lt;numbytes&gt;", "/range/1000", headers={"Range": "bytes=10-19"}),
    Case("/range/&lt;numbytes&gt;", "/range/1000", headers={"Range": "bytes=5000-"}),
    Case("/links/&lt;n&gt;/&lt;offset&gt;", "/links/5/2"),
    Case("/links/&lt;n&gt;", "/links/5"),
    Case("/image", "/image", headers={"Accept": "image/webp"}),
    Case("/image", "/image", headers={"Accept": "text/plain"}),
    Case("/image/png", "/image/png"),
    Case("/image/jpeg", "/image/jpeg"),
    Case("/image/webp", "/image/webp"),
    Case("/image/svg", "/image/svg"),
    Case("/xml", "/xml"),
    Case("/json", "/json"),
    Case("/json", "/json", "HEAD"),
    Case("/json", "/json", "OPTIONS"),
    Case("/static/&lt;filename&gt;", "/static/favicon.ico"),
    Case("/static/&lt;filename&gt;", "/static/no-such-file"),
)

FIRST_CASES = tuple({case.rule: case for case in reversed(CASES)}.values())[::-1]
"""One request to each endpoint."""

_PER_MESSAGE = frozenset(
    [
        "alt-svc",
        "connection",
        "content-encoding",
        "content-length",
        "date",
        "keep-alive",
        "server",
        "transfer-encoding",
        "vary",
    ]
)
"""Headers of one transmission, and those that go with a coding that has been undone."""
_FRESH = re.compile(
    r'(nonce|opaque)="[0-9a-f]+"|"uuid": "[0-9a-f-]{36}"|(?<=etag: ).*|(?<=last-modified: ).*|(?<=expires=)[^;]*'
)
"""What is another one each time."""
_OF_THE_WAY = ("Connection", "Priority", "Te", "Transfer-Encoding", "Keep-Alive")


@dataclass(frozen=True)
class Outcome:
    """What one way gave."""

    status: int
    path: str
    """Where redirects led; "" where that is not told."""
    headers: tuple[str, ...]
    body: bytes

    @classmethod
    def of(cls, case: Case, status: int, url: str, headers: Iterable[tuple[str, str]], body: bytes) -> Outcome:
        """Take out what must differ: the address that the site saw, and what it draws or dates anew."""
        lines = sorted(f"{name.lower()}: {value}" for name, value in headers if name.lower() not in _PER_MESSAGE)
        fresh = case.rule in ("/cache", "/uuid") or "digest" in case.rule or "cookies" in case.rule
        static = case.rule.startswith("/static")
        lines = [_FRESH.sub("~", line) if fresh or static else line for line in lines]
        text = b"\n".join(_told_back(line) for line in body.split(b"\n")) if case.rule == "/stream/&lt;n&gt;" else body
        told = _told_back(text)
        return cls(status, urlsplit(url).path, tuple(lines), _FRESH.sub("~", told.decode("latin-1")).encode("latin-1"))

    def difference(self, direct: Outcome) -> str:
        """What is not as it is directly, in a few words; "" when all is."""
        if self.status != direct.status:
            return f"status {self.status}, not {direct.status}"
        if self.path not in ("", direct.path):
            return f"ends at {self.path}"
        if self.headers != direct.headers:
            names = sorted({line.partition(":")[0] for line in set(self.headers) ^ set(direct.headers)})
            return f"headers {', '.join(names)}"
        return "" if self.body == direct.body else "body"


def _told_back(body: bytes) -> bytes:
    """JSON without the address that the site saw, and without the headers of one connection."""
    try:
        value: Any = json.loads(body)
    except ValueError:
        return body
    if not isinstance(value, dict):
        return body
    value.pop("origin", None)
    if isinstance(value.get("headers"), dict):
        for name in _OF_THE_WAY:
            value["headers"].pop(name, None)
        # A body of no bytes may be announced or not (RFC 9110 section 8.6).
        if value["headers"].get("Content-Length") in ("0", ""):
            del value["headers"]["Content-Length"]
        # Of a POST that a redirect turns into a GET, the Fetch standard drops the body's type too; httpx keeps it.
        if value.get("method") == "GET":
            value["headers"].pop("Content-Type", None)
    return json.dumps(value, sort_keys=True).encode()
