"""ws and wss URLs, in the normal form that goes onto the wire."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from ..http.errors import BadUrl
from ..http.url import HttpUrl
from .errors import InvalidURI

_SHAPE = re.compile(r"(?P<scheme>wss?)://(?:(?P<user>[^/?#@\\]*)@)?(?P<rest>.*)", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class WebSocketUrl:
    """One absolute URL, without the fragment that a WebSocket's may not have (RFC 6455 section 3)."""

    secure: bool
    host: str
    """Lower-case ASCII name, or an IP address without brackets."""
    port: int
    authority: str
    """Host and port as the Host header has them."""
    target: str
    """Path and query, percent-encoded; never empty."""
    authorization: str | None = field(default=None, repr=False)
    """Value of the Authorization header for a user name and password in the URL."""

    @classmethod
    def parse(cls, text: str) -> WebSocketUrl:
        """Parse an absolute ws: or wss: URL; raises `InvalidURI`."""
        shape = _SHAPE.fullmatch(text.strip(" ")) if isinstance(text, str) else None
        if shape is None:
            raise InvalidURI("a WebSocket's URL has to begin with ws:// or wss://")
        secure = shape["scheme"].lower() == "wss"
        try:
            # The rules for hosts, ports, paths and queries are those of http.
            http = HttpUrl.parse(f"{'https' if secure else 'http'}://{shape['rest']}")
        except BadUrl as error:
            raise InvalidURI(str(error)) from error
        if "#" in text:
            raise InvalidURI("a WebSocket's URL has no fragment; leave #… out")
        return cls(secure, http.host, http.port, http.authority, http.target, _authorization(shape["user"]))


def _authorization(user: str | None) -> str | None:
    """Basic authentication (RFC 7617) for `user:password` of a URL."""
    if not user:
        return None
    name, _, password = user.partition(":")
    credentials = f"{unquote(name)}:{unquote(password)}".encode()
    return f"Basic {base64.b64encode(credentials).decode()}"
