"""http and https URLs: parsed strictly, in the normal form that goes onto the wire (RFC 3986, WHATWG URL's host rules).

The standard library splits; what it lets pass silently (control characters, credentials, odd hosts and ports) is
refused here, before anything is sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from urllib.parse import quote, urljoin, urlsplit

from ..dns.errors import BadName
from ..dns.names import literal_address, normal_name
from .errors import BadUrl, UnsupportedScheme, UrlHasCredentials

Origin = tuple[str, str, int]
"""Scheme, host and port."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\]")
_EMPTY_AUTHORITY = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:)?//([/?#]|$)")
_PATH_SAFE = "/%:@!$&'()*+,;=~[]|^"
_QUERY_SAFE = _PATH_SAFE + "?`{}"
_MAX_LENGTH = 65_536


@dataclass(frozen=True, slots=True)
class HttpUrl:
    """One absolute URL. `str()` gives it whole; `target` is what stands in the request line."""

    scheme: str
    host: str
    """Lower-case ASCII name, or an IP address without brackets."""
    port: int
    target: str
    """Path and query, percent-encoded; never empty."""
    fragment: str = ""

    @property
    def origin(self) -> Origin:
        """What shares connections and credentials (RFC 6454)."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them: the scheme's own port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        fragment = f"#{self.fragment}" if self.fragment else ""
        return f"{self.scheme}://{self.authority}{self.target}{fragment}"

    @property
    def without_fragment(self) -> str:
        """The URL as a Response reports it."""
        return f"{self.scheme}://{self.authority}{self.target}"

    @classmethod
    def parse(cls, text: str) -> HttpUrl:
        """Parse an absolute URL; raises `BadUrl` or one of its kinds."""
        text = text.strip(" ")
        if len(text) > _MAX_LENGTH:
            raise BadUrl("the URL is too long; 65536 characters are allowed")
        if _FORBIDDEN.search(text):
            raise BadUrl("the URL has a control character or a backslash in it")
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError as error:
            raise BadUrl from error
        if parts.scheme not in _DEFAULT_PORTS:
            if parts.scheme and parts.netloc:
                raise UnsupportedScheme
            raise BadUrl("the URL has to begin with http:// or https://")
        if "@" in parts.netloc:
            raise UrlHasCredentials
        if not parts.netloc or parts.netloc.endswith(":") or port == 0:
            raise BadUrl
        path = _encode(_remove_dot_segments(parts.path) or "/", _PATH_SAFE)
        query = f"?{_encode(parts.query, _QUERY_SAFE)}" if parts.query else ""
        return cls(
            scheme=parts.scheme,
            host=_normal_host(parts.hostname or "", bracketed=parts.netloc.startswith("[")),
            port=port or _DEFAULT_PORTS[parts.scheme],
            target=path + query,
            fragment=_encode(parts.fragment, _QUERY_SAFE),
        )

    def join(self, reference: str) -> HttpUrl:
        """Resolve a redirect's Location against this URL; the fragment is kept when it names none (RFC 9110 10.2.2)."""
        if _FORBIDDEN.search(reference):
            raise BadUrl("the URL has a control character or a backslash in it")
        if _EMPTY_AUTHORITY.match(reference.strip(" ")):  # `urljoin` would take it for nothing, and stay here
            raise BadUrl
        try:
            target = HttpUrl.parse(urljoin(self.without_fragment, reference.strip(" ")))
        except ValueError as error:
            raise BadUrl from error
        if target.fragment or not self.fragment:
            return target
        return HttpUrl(target.scheme, target.host, target.port, target.target, self.fragment)


def _normal_host(host: str, *, bracketed: bool) -> str:
    """Only a whole IPv6 address may stand in brackets, and no other may hold colons."""
    if bracketed:
        address = literal_address(host)
        if not isinstance(address, IPv6Address) or "%" in host:
            raise BadUrl("the URL has brackets, but no IPv6 address in them")
        return str(address)
    literal = literal_address(host)
    if literal is not None:
        return str(literal)
    try:
        return normal_name(_unquote_host(host))
    except BadName as error:
        raise BadUrl(f"the URL's host is not valid: {error}") from error


def _unquote_host(host: str) -> str:
    if "%" in host:
        raise BadUrl("the URL's host is percent-encoded; write it out")
    return host


def _encode(text: str, safe: str) -> str:
    """Percent-encode what may not stand in a URL, as UTF-8; what is encoded already stays."""
    return quote(text, safe=safe, encoding="utf-8", errors="replace")


def _remove_dot_segments(path: str) -> str:
    """RFC 3986 section 5.2.4, also for the percent-encoded dots that browsers treat alike."""
    if "." not in path and "%2" not in path:
        return path
    segments = path.split("/")
    kept: list[str] = []
    for segment in segments:
        plain = segment.lower().replace("%2e", ".")
        if plain == "..":
            if len(kept) > 1:
                kept.pop()
        elif plain != ".":
            kept.append(segment)
    if segments[-1].lower().replace("%2e", ".") in (".", ".."):
        kept.append("")
    return "/".join(kept)
