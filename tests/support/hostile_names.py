"""Answers of a hostile DNS server: each has the right header and question, and makes no sense behind them."""

from __future__ import annotations

from mix_tunnel.runtime.dns.messages import MAX_RECORDS
from support.name_server import Answerer, respond


def _hostile_records() -> dict[str, tuple[int, bytes]]:
    """What each claims to hold: so many records, and these bytes."""
    loop = b"\xc0\x0c" + b"\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01"
    self_pointer = b"\xc0\x18" + loop[2:]
    return {
        "a pointer to itself": (1, self_pointer),
        "a pointer forward": (1, b"\xc0\xff" + loop[2:]),
        "an alias that points into itself": (1, b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x02\xc0\x24"),
        "more records than there are": (9, loop),
        "a length beyond the end": (1, loop[:-6] + b"\xff\xff" + loop[-4:]),
        "an address of three bytes": (1, loop[:-6] + b"\x00\x03" + loop[-3:]),
        "a label of an unknown kind": (1, b"\x80\x0c" + loop[2:]),
        "thousands of records": (MAX_RECORDS + 1, loop * 80),
    }


HOSTILE_ANSWERS = tuple(_hostile_records())
"""The names of the cases."""


def hostile(case: str) -> Answerer:
    """A server that always answers so."""
    count, records = _hostile_records()[case]

    def answer(query, transport):
        head = bytearray(respond(query).to_wire()[:20])
        head[6:8] = count.to_bytes(2, "big")
        head[10:12] = bytes(2)
        return [bytes(head) + respond(query).to_wire()[20:24] + records]

    return answer
