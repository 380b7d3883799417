"""Base58 with the Bitcoin alphabet, as the directory writes keys."""

from __future__ import annotations

import base58 as _base58

from mix_protocol.codec.reader import MalformedMessage

MAX_TEXT_LENGTH = 256

_ZERO = "1"


def encode(data: bytes) -> str:
    return _base58.b58encode(data).decode()


def decode(text: str, length: int | None = None) -> bytes:
    """The bytes behind `text`; MalformedMessage unless they are valid and, where given, `length` many."""
    if len(text) > MAX_TEXT_LENGTH:
        raise MalformedMessage("base58 text", f"it is longer than {MAX_TEXT_LENGTH} characters")
    if not text.isascii() or text != text.rstrip():  # the library forgives spaces at the end
        raise MalformedMessage("base58 text", "it has a character outside the alphabet")
    digits = text.lstrip(_ZERO)
    try:
        number = _base58.b58decode_int(digits)
    except ValueError:
        raise MalformedMessage("base58 text", "it has a character outside the alphabet") from None
    # The library would divide by 256 for each byte, which takes three times as long.
    data = bytes(len(text) - len(digits)) + number.to_bytes((number.bit_length() + 7) // 8, "big")
    if length is not None and len(data) != length:
        raise MalformedMessage("base58 text", f"it holds {len(data)} bytes, not {length}")
    return data
