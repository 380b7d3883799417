"""Exceptions by the names that they have in `websockets`; each is also one of the tunnel's errors, with a `code`.

    ConnectionClosed
    ├── ConnectionClosedOK
    └── ConnectionClosedError
    InvalidURI
    InvalidHandshake
    ├── InvalidStatus
    ├── InvalidMessage
    ├── InvalidHeader
    │   └── InvalidUpgrade
    ├── NegotiationError
    └── SecurityError
    ConcurrencyError

What DNS, TCP and TLS raise while a WebSocket opens are the tunnel's own errors, which are `OSError`s here as well.
"""

from __future__ import annotations

from mix_protocol.errors import MixError, UsageError
from mix_tunnel.api import (
    ConcurrencyError,
    ConnectionClosedError,
    ConnectionClosedOK,
    HandshakeTooLarge,
    InvalidHandshake,
    InvalidHandshakeMessage,
    InvalidHeader,
    InvalidStatus,
    InvalidUpgrade,
    InvalidURI,
    NegotiationError,
    OpenTimedOut,
    WebSocketConnectionClosed,
)

ConnectionClosed = WebSocketConnectionClosed
InvalidMessage = InvalidHandshakeMessage
SecurityError = HandshakeTooLarge

__all__ = [
    "ConcurrencyError",
    "ConnectionClosed",
    "ConnectionClosedError",
    "ConnectionClosedOK",
    "InvalidHandshake",
    "InvalidHeader",
    "InvalidMessage",
    "InvalidStatus",
    "InvalidURI",
    "InvalidUpgrade",
    "NegotiationError",
    "OpenTimedOut",
    "SecurityError",
]


_twins: dict[type[MixError], type[MixError]] = {}


def as_os_error(error: MixError) -> MixError:
    """The same error, which is an `OSError` as well: programs written for `websockets` catch that for the network's."""
    if isinstance(error, (OSError, InvalidHandshake, UsageError)):
        return error
    cls = type(error)
    if cls not in _twins:
        _twins[cls] = type(cls.__name__, (cls, OSError), {"__module__": cls.__module__, "__doc__": cls.__doc__})
    twin = _twins[cls].__new__(_twins[cls])
    MixError.__init__(twin, error.template, **error.fields)
    return twin
