"""http and https URLs, in the normal form that goes onto the wire: read by the URL standard, as browsers read them.

What the standard takes and nobody can fetch (credentials, port 0, hosts that DNS can't have) is refused here, before
anything is sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .errors import BadUrl, UnsupportedScheme, UrlHasCredentials
from .whatwg import TooLong, UrlParts, parse_url

Origin = tuple[str, str, int]
"""Scheme, host and port."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
_MAX_NAME_LENGTH = 253


@dataclass(frozen=True, slots=True)
class HttpUrl:
    """One absolute URL. `str()` gives it whole; `target` is what stands in the request line."""

    scheme: str
    host: str = field(repr=False)
    """Lower-case ASCII name, or an IP address without brackets."""
    port: int = field(repr=False)
    target: str = field(repr=False)
    """Path and query, percent-encoded; never empty."""
    fragment: str = field(default="", repr=False)

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
        parts = parse_parts(text)
        if parts.username or parts.password:
            raise UrlHasCredentials
        return cls.of(parts)

    def join(self, reference: str) -> HttpUrl:
        """Resolve a redirect's Location against this URL; the fragment is kept when it names none (RFC 9110 10.2.2).

        Credentials in it are left out when they are for this very origin, as browsers do, and refused otherwise.
        """
        parts = parse_parts(reference, self.without_fragment)
        target = HttpUrl.of(parts)
        if (parts.username or parts.password) and target.origin != self.origin:
            raise UrlHasCredentials
        if target.fragment or not self.fragment:
            return target
        return HttpUrl(target.scheme, target.host, target.port, target.target, self.fragment)

    @classmethod
    def of(cls, parts: UrlParts) -> HttpUrl:
        """The URL of parsed parts, credentials left out; raises `BadUrl` or `UnsupportedScheme`."""
        if parts.scheme not in _DEFAULT_PORTS:
            raise UnsupportedScheme
        if parts.port == 0:
            raise BadUrl("the URL has port 0, where nothing can listen")
        _check_host(parts.host)
        return cls(
            scheme=parts.scheme,
            host=parts.host,
            port=parts.port or _DEFAULT_PORTS[parts.scheme],
            target=parts.target,
            fragment=parts.fragment,
        )


def _check_host(host: str) -> None:
    """Raise `BadUrl` for a host of a parsed URL that is neither an address nor a name that DNS can have."""
    name = host.removesuffix(".")
    is_name = len(name) <= _MAX_NAME_LENGTH and all(map(_LABEL.fullmatch, name.split(".")))
    if not is_name and ":" not in host:
        raise BadUrl("the URL's host is not valid: its parts have 1 to 63 letters, digits and hyphens")


def parse_parts(text: str, base: str | None = None) -> UrlParts:
    """Parse a URL of any scheme; raises `BadUrl`."""
    try:
        parts = parse_url(text, base)
    except TooLong as error:
        raise BadUrl("the URL is too long; 65536 characters are allowed") from error
    if parts is None:
        raise BadUrl
    return parts
