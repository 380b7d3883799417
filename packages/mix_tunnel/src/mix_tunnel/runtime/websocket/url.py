"""ws and wss URLs, read by the URL standard, in the normal form that goes onto the wire."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from urllib.parse import unquote_to_bytes

from ..http.errors import BadUrl
from ..http.url import HttpUrl, parse_parts
from .errors import InvalidURI

_HTTP = {"ws": "http", "wss": "https"}


@dataclass(frozen=True, slots=True)
class WebSocketUrl:
    """One absolute URL, without the fragment that a WebSocket's may not have (RFC 6455 section 3)."""

    secure: bool
    host: str = field(repr=False)
    """Lower-case ASCII name, or an IP address without brackets."""
    port: int = field(repr=False)
    authority: str = field(repr=False)
    """Host and port as the Host header has them."""
    target: str = field(repr=False)
    """Path and query, percent-encoded; never empty."""
    authorization: str | None = field(default=None, repr=False)
    """Value of the Authorization header for a user name and password in the URL."""

    @classmethod
    def parse(cls, text: str) -> WebSocketUrl:
        """Parse an absolute ws: or wss: URL; raises `InvalidURI`."""
        if not isinstance(text, str):
            raise InvalidURI
        try:
            parts = parse_parts(text)
            if parts.scheme not in _HTTP:
                raise InvalidURI("a WebSocket's URL has to begin with ws:// or wss://")
            # What may be a host and a port is the same as for http.
            http = HttpUrl.of(replace(parts, scheme=_HTTP[parts.scheme]))
        except BadUrl as error:
            raise InvalidURI(str(error)) from error
        if "#" in text:
            raise InvalidURI("a WebSocket's URL has no fragment; leave #… out")
        authorization = _authorization(parts.username, parts.password)
        return cls(parts.scheme == "wss", http.host, http.port, http.authority, http.target, authorization)


def _authorization(username: str, password: str) -> str | None:
    """Basic authentication (RFC 7617) for the credentials of a URL."""
    if not username and not password:
        return None
    credentials = unquote_to_bytes(username) + b":" + unquote_to_bytes(password)
    return f"Basic {base64.b64encode(credentials).decode()}"
