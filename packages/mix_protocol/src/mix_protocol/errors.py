"""The five kinds of error, named by whose fault it is.

    MixError
    ├── UsageError          the caller asked for something that cannot be
    ├── PeerMisbehaved      the other side sent what the protocol does not allow
    ├── PeerIncompatible    the other side is honest but speaks something else
    ├── NetworkFailure      nobody's fault: refused, unreachable, timed out, cut
    └── Closed              this object has been closed

Layers subclass a kind beside their own code. A class has a stable `code` ("layer.what_happened"), which crosses
process and language borders together with `fields`; `retryable` tells whether the same call may go through later.
`str(error)` is a sentence a person can act on, and never holds an address, a URL or a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

Field = str | int | float | bool | None | list[str]

_registry: dict[str, type[MixError]] = {}


class MixError(Exception):
    """Root of every error that these packages raise on purpose.

    message -- one sentence; the class's own by default
    fields -- typed facts for programs; JSON-able, without secrets
    """

    code: ClassVar[str] = "mix.error"
    retryable: ClassVar[bool] = False
    message: ClassVar[str] = "something in the mixnet went wrong"

    fields: Mapping[str, Field]

    def __init__(self, message: str | None = None, /, **fields: Field) -> None:
        super().__init__(message if message is not None else self.message)
        self.fields = fields

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "code" not in cls.__dict__:
            return
        other = _registry.setdefault(cls.code, cls)
        if (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
            raise TypeError(f"error code {cls.code!r} is taken by {other.__qualname__}")
        _registry[cls.code] = cls


class UsageError(MixError):
    """The caller asked for something that cannot be; asking again the same way will fail again."""

    code = "mix.usage"
    message = "the call is not valid"


class PeerMisbehaved(MixError):
    """The other side sent what the protocol does not allow."""

    code = "mix.peer_misbehaved"
    message = "the other side broke the protocol"


class PeerIncompatible(MixError):
    """The other side follows a protocol, but not one that we speak."""

    code = "mix.peer_incompatible"
    message = "the other side speaks a version that is not supported"


class NetworkFailure(MixError):
    """Something between us and the other side failed; later it may work."""

    code = "mix.network_failure"
    retryable = True
    message = "the network failed"


class Closed(MixError):
    """The object that was used has been closed."""

    code = "mix.closed"
    message = "this has been closed"


KINDS: tuple[type[MixError], ...] = (UsageError, PeerMisbehaved, PeerIncompatible, NetworkFailure, Closed)


def kind_of(error: type[MixError]) -> type[MixError]:
    """The one of the five kinds that an error class belongs to."""
    return next((kind for kind in KINDS if issubclass(error, kind)), MixError)


def registered() -> Mapping[str, type[MixError]]:
    """Every error class imported so far, by its code."""
    return dict(_registry)


def revive(code: str, message: str, fields: Mapping[str, Field]) -> MixError:
    """Make the error again that crossed a border; an unknown code gives a plain MixError with that code as a field."""
    cls = _registry.get(code)
    if cls is None:
        return MixError(message, **{**fields, "code": code})
    error = cls.__new__(cls)
    MixError.__init__(error, message, **fields)
    return error
