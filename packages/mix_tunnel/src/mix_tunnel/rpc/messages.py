"""The messages between page and worker.

A message is a JSON head of bounded size and, for calls and chunks, bytes beside it: the bytes travel as a transferred
buffer and are never turned into text. `version` and `id` are in every head; an event's id is 0, and so is that of the
credit that the page gives for events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mix_protocol.codec.json import decode_json
from mix_protocol.codec.reader import MalformedMessage
from mix_tunnel.rpc.errors import MalformedRpcMessage

VERSION = 1
MAX_HEAD_LENGTH = 1 << 20
"""Characters of the largest head accepted; a call's parameters are in it, its body is not."""
MAX_CHUNK_BYTES = 1 << 20
"""The largest chunk accepted."""
MAX_ID = 2**53 - 1
"""The largest integer that JavaScript's numbers hold exactly."""


@dataclass(frozen=True, slots=True)
class Call:
    """Call a method. `upload` says that the request's body follows as chunks; else it is the bytes beside, if any."""

    id: int
    method: str
    params: Mapping[str, Any] = field(repr=False, default_factory=dict)
    upload: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """A call succeeded. With `stream`, a body follows as chunks of the same id."""

    id: int
    value: Any = field(default=None, repr=False)
    stream: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """A call, or the body after its result, failed. On the wire its type is "error"."""

    id: int
    code: str
    message: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    retryable: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened that no call asked for."""

    name: str
    value: Any = field(default=None, repr=False)
    id: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes of a body are beside this head; `end` says that no more follow."""

    id: int
    end: bool = False


@dataclass(frozen=True, slots=True)
class Credit:
    """The receiver of a body takes so many bytes more; with id 0, the page so many events."""

    id: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """The caller does not want the call any longer, nor the rest of its bodies."""

    id: int


Message = Call | Result | Failure | Event | Chunk | Credit | Cancel

_CLASSES: dict[str, type[Message]] = {
    "call": Call,
    "result": Result,
    "error": Failure,
    "event": Event,
    "chunk": Chunk,
    "credit": Credit,
    "cancel": Cancel,
}
_TYPES = {cls: name for name, cls in _CLASSES.items()}


def encode_head(message: Message) -> str:
    """A message's head as JSON."""
    import msgspec  # compiled: must not load when this module does

    members = msgspec.to_builtins(message)
    return msgspec.json.encode({"version": VERSION, "type": _TYPES[type(message)], **members}).decode()


def decode_head(head: str, body: bytes | None = None) -> Message:
    """Read a head, with the bytes that came beside it; `MalformedRpcMessage` for anything but a valid message."""
    import msgspec

    if len(head) > MAX_HEAD_LENGTH:
        raise MalformedRpcMessage("the message between page and worker is too large", length=len(head))
    try:
        members = decode_json(head, dict[str, Any], "message between page and worker")
        if members.pop("version", None) != VERSION:
            raise MalformedRpcMessage("page and worker are of different versions; reload the page")
        cls = _CLASSES[members.pop("type")]
        message = msgspec.convert(members, cls)
    except (MalformedMessage, msgspec.ValidationError, KeyError, TypeError) as error:
        raise MalformedRpcMessage(reason=type(error).__name__) from None
    _check(message, body)
    return message


def _check(message: Message, body: bytes | None) -> None:
    """Refuse values that have the right type and make no sense."""
    lowest = 0 if isinstance(message, Event | Credit) else 1
    if not lowest <= message.id <= MAX_ID:
        raise MalformedRpcMessage(reason="id")
    if isinstance(message, Credit) and not 0 < message.bytes <= MAX_ID:
        raise MalformedRpcMessage(reason="credit")
    if isinstance(message, Chunk) and body is not None and len(body) > MAX_CHUNK_BYTES:
        raise MalformedRpcMessage(reason="chunk")
    if body is not None and not isinstance(message, Call | Chunk):
        raise MalformedRpcMessage(reason="body")
