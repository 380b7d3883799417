"""How a WebSocket is opened and kept: everything but its URL, checked as soon as it is given."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from websockets.extensions.base import ClientExtensionFactory
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from .deflate import DeflateFactory
from .errors import InvalidWebSocketOption

if TYPE_CHECKING:
    import ssl

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\x21-\x7e\x80-\xff]([\x20-\x7e\x80-\xff\t]*[\x21-\x7e\x80-\xff])?|")
_OWN_HEADERS = frozenset({"connection", "upgrade", "content-length", "transfer-encoding"})
_MEMORY_LEVEL = 5
"""zlib's memory level of the compressor: 48 kB a connection instead of 256 kB, and hardly larger messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compression:
    """What is offered for permessage-deflate (RFC 7692 section 7.1). Raises `InvalidWebSocketOption`."""

    server_no_context_takeover: bool = False
    """Ask the server to compress each message on its own."""
    client_no_context_takeover: bool = False
    """Compress each message on its own."""
    server_max_window_bits: int | None = None
    """Ask the server to use a window of at most 2**this bytes, 8 to 15."""
    client_max_window_bits: int | None = None
    """Use a window of at most 2**this bytes, 9 to 15; None lets the server choose."""

    def __post_init__(self) -> None:
        """Check every parameter."""
        for name in ("server_no_context_takeover", "client_no_context_takeover"):
            if not isinstance(getattr(self, name), bool):
                raise InvalidWebSocketOption.of(name, "true or false")
        for name, lowest in (("server_max_window_bits", 8), ("client_max_window_bits", 9)):
            if getattr(self, name) is not None and not _is_whole(getattr(self, name), lowest, 15):
                raise InvalidWebSocketOption.of(name, f"a whole number from {lowest} to 15")

    def factory(self) -> ClientExtensionFactory:
        """The extension as the library wants it."""
        return DeflateFactory(
            server_no_context_takeover=self.server_no_context_takeover,
            client_no_context_takeover=self.client_no_context_takeover,
            server_max_window_bits=self.server_max_window_bits,
            client_max_window_bits=True if self.client_max_window_bits is None else self.client_max_window_bits,
            compress_settings={"memLevel": _MEMORY_LEVEL},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketOptions:
    """Options of one WebSocket. Raises `InvalidWebSocketOption`, which names the option and what is allowed."""

    subprotocols: Sequence[str] = field(default=(), repr=False)
    """Subprotocols in the order of preference; each a token, none twice."""
    headers: Sequence[tuple[str, str]] = field(default=(), repr=False)
    """Further headers of the handshake; they replace ours of the same name."""
    origin: str | None = field(default=None, repr=False)
    """Value of the Origin header, for servers that ask for one; by default there is none."""
    user_agent: str | None = "browser"
    """Value of the User-Agent header; "browser" is the one that fetches have, None sends none."""
    compression: Compression | None = Compression()
    """permessage-deflate; None does not offer it."""
    extensions: Sequence[ClientExtensionFactory] = ()
    """Further extensions of the `websockets` library, before permessage-deflate."""
    ssl_context: ssl.SSLContext | None = None
    """A caller's own trust for wss: instead of the tunnel's; it has to verify certificates and host names."""
    max_message_bytes: int | None = 64 * 1024 * 1024
    """The largest message received, decompressed; a larger one closes the WebSocket with 1009."""
    max_fragment_bytes: int | None = None
    """The largest fragment received."""
    queue_bytes: int = 1024 * 1024
    """Nothing more is read from the connection while so much waits for `recv`; the TCP window closes then."""
    queue_frames: int = 1024
    """And neither while so many frames wait."""
    write_limit_bytes: int = 32 * 1024
    """`send` waits while more than so much has not been taken by the connection."""
    open_timeout_s: float | None = 60.0
    """For name, TCP, TLS and handshake together."""
    ping_interval_s: float | None = 20.0
    """Between keep-alive pings; None sends none."""
    ping_timeout_s: float | None = 20.0
    """For the answer to a keep-alive ping, or any other sign of life; without it the WebSocket is closed with 1011."""
    close_timeout_s: float | None = 10.0
    """For the server's part of the closing handshake; after that the connection is dropped."""

    def __post_init__(self) -> None:
        """Check every option."""
        for name, (allowed, accepts) in _RULES.items():
            if not accepts(getattr(self, name)):
                raise InvalidWebSocketOption.of(name, allowed)

    def extension_factories(self) -> list[ClientExtensionFactory]:
        """All the extensions to offer."""
        factories = [
            DeflateFactory.of(given) if type(given) is ClientPerMessageDeflateFactory else given
            for given in self.extensions
        ]
        deflate = self.compression
        if deflate is not None and not any(given.name == ClientPerMessageDeflateFactory.name for given in factories):
            factories.append(deflate.factory())
        return factories


def _is_whole(value: object, lowest: int, highest: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest


def _limit(value: Any) -> bool:
    return value is None or _is_whole(value, 1, 2**31)


def _seconds(value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value is None or (number and 0 < value < math.inf)


def _subprotocols(value: Any) -> bool:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return False
    tokens = all(isinstance(name, str) and TOKEN.fullmatch(name) for name in value)
    return tokens and len(set(value)) == len(value)


def _header_value(value: Any) -> bool:
    return value is None or (isinstance(value, str) and _VALUE.fullmatch(value) is not None)


def _verifies(value: Any) -> bool:
    required = 2  # ssl.CERT_REQUIRED; importing ssl here would be too early in a worker
    return value is None or (
        getattr(value, "check_hostname", False) is True and getattr(value, "verify_mode", 0) == required
    )


def _headers(value: Any) -> bool:
    try:
        pairs = [(name, text) for name, text in value]
    except (TypeError, ValueError):
        return False
    return all(
        isinstance(name, str)
        and TOKEN.fullmatch(name)
        and name.lower() not in _OWN_HEADERS
        and not name.lower().startswith("sec-websocket-")
        and text is not None
        and _header_value(text)
        for name, text in pairs
    )


_SECONDS = ("a time above 0, or nothing for no limit", _seconds)
_LIMIT = ("a whole number of bytes from 1 to 2147483648, or nothing for no limit", _limit)
_COUNT = ("a whole number from 1 to 2147483648", lambda value: _is_whole(value, 1, 2**31))
_HEADER_VALUE = ("a text without line breaks, or nothing", _header_value)

_RULES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "subprotocols": ("a list of names of letters, digits and signs, none twice", _subprotocols),
    "headers": ("pairs of name and value, without Connection, Upgrade and Sec-WebSocket-…", _headers),
    "origin": _HEADER_VALUE,
    "user_agent": _HEADER_VALUE,
    "compression": ("Compression, or nothing", lambda value: value is None or isinstance(value, Compression)),
    "extensions": (
        "a list of ClientExtensionFactory",
        lambda value: isinstance(value, Sequence) and all(isinstance(one, ClientExtensionFactory) for one in value),
    ),
    "ssl_context": ("an ssl.SSLContext that verifies certificates and host names, or nothing", _verifies),
    "max_message_bytes": _LIMIT,
    "max_fragment_bytes": _LIMIT,
    "queue_bytes": _COUNT,
    "queue_frames": _COUNT,
    "write_limit_bytes": _COUNT,
    "open_timeout_s": _SECONDS,
    "ping_interval_s": _SECONDS,
    "ping_timeout_s": _SECONDS,
    "close_timeout_s": _SECONDS,
}
