"""JSON to and from dataclasses, checked. Unknown members are ignored, as the directory's documents grow."""

from __future__ import annotations

import re
from typing import TypeVar

from mix_protocol.codec.reader import MalformedMessage

T = TypeVar("T")

MAX_NESTING = 500
"""Bound for arrays and objects inside each other. In WebAssembly a decoder's recursion ends in a fatal stack overflow
of the whole interpreter at some 3,000 levels, instead of the RecursionError that native Python raises."""
_PIECE_LENGTH = 256
# Possessive, and ending also where the text does, so that it never looks at a character twice: a peer could otherwise
# keep it busy for minutes with an open string full of escaped quotes.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)


def decode_json(data: bytes | str, type: type[T], what: str) -> T:
    """Decode one JSON text into a dataclass (or any type msgspec knows); MalformedMessage if it does not fit."""
    check_nesting(data, what)
    return decode_checked(data, type, what)


def decode_checked(data: bytes | str, type: type[T], what: str) -> T:
    """Decode a JSON text that has passed `check_nesting`, or a piece of one; MalformedMessage if it does not fit."""
    import msgspec  # compiled: must not load when this module does

    try:
        return msgspec.json.decode(data, type=type)
    except (msgspec.DecodeError, UnicodeError, RecursionError, OverflowError) as error:
        raise MalformedMessage(what, str(error)) from None


def check_nesting(data: bytes | str, what: str) -> None:
    """Refuse a text whose arrays and objects may be nested deeper than `MAX_NESTING`.

    Strings are taken out first, since brackets inside them mean nothing; the rest is counted in small pieces, each of
    which adds as many levels as it has opening brackets at most.
    """
    if len(data) <= MAX_NESTING:
        return
    text = data if isinstance(data, str) else data.decode("latin-1")  # every byte stays one character
    text = _STRING.sub("", text)
    depth = 0
    for start in range(0, len(text), _PIECE_LENGTH):
        piece = text[start : start + _PIECE_LENGTH]
        opened = piece.count("[") + piece.count("{")
        if depth + opened > MAX_NESTING:
            raise MalformedMessage(what, "it is nested too deeply")
        depth = max(0, depth + opened - piece.count("]") - piece.count("}"))


def encode_json(value: object) -> bytes:
    """Compact JSON of dataclasses, mappings, lists, text and numbers."""
    import msgspec

    return msgspec.json.encode(value)
