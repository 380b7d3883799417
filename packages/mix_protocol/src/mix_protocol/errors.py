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

A sentence that advises an option names it as `{force_tls}` or `{force_tls=False}`, so that each language and the
command line can spell it as its users do: `sentence(spelling)`; `str(error)` is Python's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import ClassVar

Field = str | int | float | bool | None | list[str]
Spelling = Callable[[str, str | None], str]
"""How an option is written, given its name in Python and, perhaps, the value that is advised (`"True"`, `"False"`)."""

_OPTION = re.compile(r"\{([a-z][a-z0-9_]*)(?:=(True|False))?\}")

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

    @property
    def template(self) -> str:
        """The sentence with its options not spelled yet: what the same error is made of again."""
        return str(self.args[0]) if self.args else self.message

    def sentence(self, spelling: Spelling) -> str:
        """What was wrong and what to do, with options as `spelling` writes them."""
        return _OPTION.sub(lambda option: spelling(option[1], option[2]), self.template)

    def __str__(self) -> str:
        return self.sentence(_spell_python)

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "code" not in cls.__dict__:
            return
        other = _registry.setdefault(cls.code, cls)
        if (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
            raise TypeError(f"error code {cls.code!r} is taken by {other.__qualname__}")
        _registry[cls.code] = cls


def _spell_python(name: str, value: str | None) -> str:
    return name if value is None else f"{name}={value}"


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
