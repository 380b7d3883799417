"""Answers of a hostile DNS server: each has the right header and question, and makes no sense behind them."""

from __future__ import annotations

import dns.message

from mix_tunnel.runtime.dns.framing import MAX_RECORDS
from support.name_server import Answerer, Replies, respond

_HEADER_BYTES = 12
_NAME = b"\xc0\x0c"
"""A pointer to the question's name."""
_REST = b"\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01"
"""Of an A record: type, class, TTL, length and address."""


def _pointer(offset: int) -> bytes:
    return (0xC000 | offset).to_bytes(2, "big")


def _records(end: int) -> dict[str, tuple[int, bytes]]:
    """What each claims to hold behind a question that ends there: so many records, and these bytes."""
    good = _NAME + _REST
    return {
        "a pointer to itself": (1, _pointer(end) + _REST),
        "a pointer forward": (1, b"\xc0\xff" + _REST),
        "an alias that points into itself": (
            1,
            _NAME + b"\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x02" + _pointer(end + 12),
        ),
        "more records than there are": (9, good),
        "a length beyond the end": (1, good[:-6] + b"\xff\xff" + good[-4:]),
        "an address of three bytes": (1, good[:-6] + b"\x00\x03" + good[-3:]),
        "a label of an unknown kind": (1, b"\x80\x0c" + _REST),
        "thousands of records": (MAX_RECORDS + 1, good * 80),
    }


HOSTILE_ANSWERS = tuple(_records(0))
"""The names of the cases."""


def hostile(case: str) -> Answerer:
    """A server that always answers so."""

    def answer(query: dns.message.Message, transport: str) -> Replies:
        wire = respond(query).to_wire()
        end = _HEADER_BYTES + len(query.question[0].name.to_wire()) + 4
        count, records = _records(end)[case]
        counts = b"\x00\x01" + count.to_bytes(2, "big") + bytes(4)
        return [wire[:4] + counts + wire[_HEADER_BYTES:end] + records]

    return answer
