"""Where the records of a DNS message lie (RFC 1035 section 4.1), found without reading what they say.

The work is bounded by the message's length and by budgets for records and labels. So a message may be looked at here
that must not be given to a library, and one record that makes no sense can be told from a message that is cut off.
"""

from __future__ import annotations

from typing import NamedTuple

from .errors import MalformedAnswer

MAX_RECORDS = 5_000
"""Records of all sections together; more of them is work for us and of use to nobody."""
MAX_LABELS = 20_000
"""Labels and pointers that are read of one message's names; a name has 128 at most."""
MAX_NAME_BYTES = 255

_HEADER_BYTES = 12
_QUESTION_BYTES = 4
_RECORD_BYTES = 10
"""Type, class, TTL and length, between a record's name and its data."""
_POINTER, _LABEL_END = 0xC0, 0x40


class RecordPlace(NamedTuple):
    """A record in a message; `name_at` and `data_at` are offsets."""

    name_at: int
    type: int
    rdclass: int
    ttl_s: int
    data_at: int
    length: int


class Sections(NamedTuple):
    """The places of all records."""

    answer: list[RecordPlace]
    authority: list[RecordPlace]
    additional: list[RecordPlace]


def find_records(wire: bytes) -> Sections:
    """The places of a message's records; raises `MalformedAnswer` unless it holds all that it counts."""
    questions, *counts = (int.from_bytes(wire[at : at + 2], "big") for at in (4, 6, 8, 10))
    if questions > 1 or sum(counts) > MAX_RECORDS:
        raise MalformedAnswer("the DNS server's answer has too many records")
    at = _HEADER_BYTES
    if questions:
        at = _end_of_name(wire, at) + _QUESTION_BYTES
    sections: list[list[RecordPlace]] = []
    for count in counts:
        places: list[RecordPlace] = []
        for _ in range(count):
            name_at, at = at, _end_of_name(wire, at)
            data_at = at + _RECORD_BYTES
            fixed = wire[at:data_at]
            length = int.from_bytes(fixed[8:], "big")
            at = data_at + length
            if at > len(wire):
                raise MalformedAnswer("the DNS server's answer is cut off")
            rdtype, rdclass, ttl_s = (int.from_bytes(part, "big") for part in (fixed[:2], fixed[2:4], fixed[4:8]))
            places.append(RecordPlace(name_at, rdtype, rdclass, ttl_s, data_at, length))
        sections.append(places)
    return Sections(*sections)


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


class NameReader:
    """Reads names of one message, within a budget of labels for all of them."""

    def __init__(self, wire: bytes) -> None:
        self._wire = wire
        self._labels_left = MAX_LABELS
        self._known: dict[int, bytes] = {}

    def read(self, at: int) -> bytes:
        """The name that begins at an offset: in wire format, without pointers, in small letters."""
        begin = backwards_of = at
        parts: list[bytes] = []
        length = 0
        while True:
            known = self._known.get(at)
            if known is not None:
                parts.append(known)
                length += len(known)
                break
            self._labels_left -= 1
            if self._labels_left < 0 or length > MAX_NAME_BYTES:
                raise MalformedAnswer("the DNS server's answer takes too much work to read")
            count = self._octet(at)
            if count >= _POINTER:
                at = (count - _POINTER) << 8 | self._octet(at + 1)
                if at >= backwards_of:
                    raise MalformedAnswer
                backwards_of = at
            elif count >= _LABEL_END or at + count >= len(self._wire):
                raise MalformedAnswer
            else:
                parts.append(self._wire[at : at + 1 + count])
                length += 1 + count
                at += 1 + count
                if count == 0:
                    break
        if length > MAX_NAME_BYTES:
            raise MalformedAnswer
        # Lengths of labels are below any letter's code.
        name = self._known[begin] = b"".join(parts).lower()
        return name

    def _octet(self, at: int) -> int:
        if at >= len(self._wire):
            raise MalformedAnswer
        return self._wire[at]
