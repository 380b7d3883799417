"""Where a response's body ends (RFC 9112 section 6.3), decided once, so that nobody behind us decides otherwise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from ..errors import MalformedResponse
from .head import Head

_LENGTH, _CODING = b"content-length", b"transfer-encoding"
_MAX_DIGITS = 18
_STATUSES_WITHOUT_BODY = frozenset({204, 304})


class End(Enum):
    """What ends a body."""

    HEAD = "nothing comes behind the head"
    LENGTH = "the number of its bytes"
    CHUNKS = "the last chunk"
    CONNECTION = "the connection's end"


@dataclass(frozen=True, slots=True)
class Framing:
    """How a body is delimited."""

    end: End
    length: int = 0
    """Bytes of the body; for `End.LENGTH` alone."""


def frame(method: str, head: Head) -> tuple[Head, Framing]:
    """Decide, and return the head with one statement about the body's length at most.

    An odd statement that has one meaning alone makes the head odd: what follows it must not be taken for an answer.
    Raises `MalformedResponse` for what has several, or none.
    """
    if head.status < 200:  # no body, whatever is said about one
        fields = [field for field in head.fields if field[0].lower() not in (_LENGTH, _CODING)]
        return replace(head, fields=fields), Framing(End.HEAD)
    codings, lengths = head.values(_CODING), head.values(_LENGTH)
    chunked = _chunked(codings)
    length = _length(lengths) if lengths and not chunked else None
    statements = {_CODING: b"chunked" if chunked else None, _LENGTH: None if length is None else b"%d" % length}
    plain_coding = not codings or (len(codings) == 1 and codings[0].lower() == b"chunked" and head.version == b"1.1")
    odd = head.odd or not plain_coding or len(lengths) + len(codings) > 1
    clean = replace(head, fields=_stated_once(head, statements), odd=odd)
    if method == "HEAD" or head.status in _STATUSES_WITHOUT_BODY:
        return clean, Framing(End.HEAD)
    if chunked:
        return clean, Framing(End.CHUNKS)
    if length is not None:
        return clean, Framing(End.LENGTH, length)
    return clean, Framing(End.CONNECTION)


def _chunked(values: list[bytes]) -> bool:
    """Whether the body is chunked: once, however often the server says so (RFC 9112 section 7 allows it once)."""
    words = {word.strip(b" \t").lower() for value in values for word in value.split(b",")} - {b"", b"identity"}
    if words - {b"chunked"}:
        raise MalformedResponse("the server's answer has a transfer coding that nobody asked for")
    return bool(words)


def _length(values: list[bytes]) -> int:
    words = {word.strip(b" \t") for value in values for word in value.split(b",")}
    if not all(word.isdigit() for word in words):
        raise MalformedResponse("the server's Content-Length is no length")
    words = {word.lstrip(b"0") or b"0" for word in words}
    if len(words) > 1:
        raise MalformedResponse("the server's answer states two lengths")
    (word,) = words
    if len(word) > _MAX_DIGITS:
        raise MalformedResponse("the server's Content-Length is longer than anything")
    return int(word)


def _stated_once(head: Head, statements: dict[bytes, bytes | None]) -> list[tuple[bytes, bytes]]:
    fields: list[tuple[bytes, bytes]] = []
    for name, value in head.fields:
        lower = name.lower()
        if lower in (_LENGTH, _CODING):
            statement = statements[lower]
            statements[lower] = None
            if statement is not None:
                fields.append((name, statement))
        else:
            fields.append((name, value))
    return fields
