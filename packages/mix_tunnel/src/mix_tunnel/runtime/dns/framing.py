"""Where the records of a DNS message lie (RFC 1035 section 4.1), found without reading any of them.

So one record that makes no sense can be told from a message that is cut off: the former spoils nothing but itself.
"""

from __future__ import annotations

from .errors import MalformedAnswer

_HEADER_BYTES = 12
_QUESTION_BYTES = 4
_RECORD_BYTES = 10
"""Type, class, TTL and length, between a record's name and its data."""
_POINTER = 0xC0


def end_of_answers(wire: bytes) -> int:
    """Offset behind the answer section; raises `MalformedAnswer` unless the message holds all that it counts."""
    counts = [int.from_bytes(wire[at : at + 2], "big") for at in (4, 6, 8, 10)]
    at = _HEADER_BYTES
    for _ in range(counts[0]):
        at = _end_of_name(wire, at) + _QUESTION_BYTES
    at = end = _end_of_records(wire, at, counts[1])
    _end_of_records(wire, at, counts[2] + counts[3])
    return end


def _end_of_records(wire: bytes, at: int, count: int) -> int:
    for _ in range(count):
        at = _end_of_name(wire, at) + _RECORD_BYTES
        at += int.from_bytes(wire[at - 2 : at], "big")
        if at > len(wire):
            raise MalformedAnswer("the DNS server's answer is cut off")
    return at


def _end_of_name(wire: bytes, at: int) -> int:
    """The end of a name at its place; where a pointer leads to does not matter here."""
    while at < len(wire):
        length = wire[at]
        if length >= _POINTER:
            return at + 2
        if length == 0:
            return at + 1
        at += 1 + length
    raise MalformedAnswer("the DNS server's answer is cut off")
