"""JSON to and from dataclasses, checked. Unknown members are ignored, as the directory's documents grow."""

from __future__ import annotations

from typing import TypeVar

from mix_protocol.codec.reader import MalformedMessage

T = TypeVar("T")


def decode_json(data: bytes | str, type: type[T], what: str) -> T:
    """Decode one JSON text into a dataclass (or any type msgspec knows); MalformedMessage if it does not fit."""
    import msgspec  # compiled: must not load when this module does

    try:
        return msgspec.json.decode(data, type=type)
    except (msgspec.DecodeError, UnicodeError, RecursionError, OverflowError) as error:
        raise MalformedMessage(what, str(error)) from None


def encode_json(value: object) -> bytes:
    """Compact JSON of dataclasses, mappings, lists, text and numbers."""
    import msgspec

    return msgspec.json.encode(value)
