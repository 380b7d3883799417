"""DNS questions and answers as bytes (RFC 1035), over dnspython's wire formats. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

from .errors import FormatNotUnderstood, MalformedAnswer, QueryRefused, ServerFailed
from .sifting import Sifted

EDNS_PAYLOAD_BYTES = 1232
"""Largest answer asked for over UDP: fits every path's MTU without IP fragments (DNS flag day 2020)."""
PADDING_BLOCK_BYTES = 128
"""Encrypted queries have a multiple of this length (RFC 8467 section 4.1)."""

_HEADER_BYTES = 12
_RESPONSE, _OPCODE, _TRUNCATED, _CODE = 0x80, 0x78, 0x02, 0x0F
_LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyz")


class Truncated(Exception):
    """The answer did not fit into a datagram: ask again over TCP."""


class CaseNotKept(Exception):
    """The answer fits but for the spelling of the name: it may be forged, or the server changes the case."""


@dataclass(frozen=True, slots=True)
class Query:
    """One recursive question, ready to be sent."""

    name: str = field(repr=False)
    type: str
    identifier: int
    question: bytes = field(repr=False)
    """The question section, spelt as it is sent."""
    wire: bytes = field(repr=False)
    edns: bool = True
    """Whether it says that we understand EDNS (RFC 6891)."""


def make_query(
    name: str,
    type: str,
    random_bytes: Callable[[int], bytes],
    *,
    identifier: int | None = None,
    edns: bool = True,
    padded: bool = False,
    random_case: bool = False,
) -> Query:
    """Build a query for a normal name.

    identifier -- None draws a random one (RFC 5452)
    padded -- for encrypted transports: the length tells little about the name (RFC 7830)
    random_case -- each letter of the name is a bit that a forger has to guess (draft-vixie-dnsext-dns0x20)
    """
    if identifier is None:
        identifier = int.from_bytes(random_bytes(2), "big")
    question = dns.name.from_text(name)
    message = dns.message.make_query(question, type, id=identifier)
    if edns:
        message.use_edns(0, payload=EDNS_PAYLOAD_BYTES, pad=PADDING_BLOCK_BYTES if padded else 0)
    wire = message.to_wire()
    name_bytes = question.to_wire()
    assert name_bytes is not None
    end = _HEADER_BYTES + len(name_bytes)
    spelt = (_spell(name_bytes, random_bytes) if random_case else name_bytes) + wire[end : end + 4]
    return Query(name, type, identifier, spelt, _with_question(wire, spelt), edns)


def belongs_to(wire: bytes, query: Query, *, case_counts: bool = False) -> bool:
    """Whether it is a response to the query: its identifier and question section are the query's.

    A response without any question may be one (some servers answer FORMERR so); when the case counts,
    only if it answers nothing.
    Raises `CaseNotKept` when only the spelling differs and `case_counts`.
    """
    if len(wire) < _HEADER_BYTES or int.from_bytes(wire[:2], "big") != query.identifier or not wire[2] & _RESPONSE:
        return False
    count = int.from_bytes(wire[4:6], "big")
    if count == 0:
        return not case_counts or not any(wire[6:10])
    question = query.question
    given = wire[_HEADER_BYTES : _HEADER_BYTES + len(question)]
    if count != 1 or given.lower() != question.lower():
        return False
    if case_counts and given != question:
        raise CaseNotKept
    return True


def read_message(wire: bytes, query: Query, *, over_stream: bool = False) -> dns.message.QueryMessage:
    """Parse a response that `belongs_to` the query; it says NOERROR or NXDOMAIN.

    Its `errors` are those of the records in its answer section that make no sense; the others have been read.
    Raises `Truncated`, `MalformedAnswer`, or the error that the response code stands for.
    """
    if wire[2] & _TRUNCATED:
        if over_stream:
            raise MalformedAnswer("the DNS server's answer is cut off, although there was room for it")
        raise Truncated
    if query.edns and wire[3] & _CODE in (dns.rcode.FORMERR, dns.rcode.NOTIMP):
        raise FormatNotUnderstood(rcode=dns.rcode.to_text(dns.rcode.Rcode(wire[3] & _CODE)))
    if wire[4:6] != b"\0\0":
        # Compressed names point into the question: in plain spelling there, they are plain everywhere.
        wire = _with_question(wire, query.question.lower())
    sifted = Sifted(wire)
    _check_code(sifted, query)
    if wire[2] & _OPCODE or wire[4:6] == b"\0\0":
        raise MalformedAnswer
    return sifted.message(dns.name.from_text(query.name), dns.rdatatype.from_text(query.type))


def _check_code(sifted: Sifted, query: Query) -> None:
    code = dns.rcode.Rcode.make(sifted.code)
    if code in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return
    # Whoever understands EDNS says so in each answer to it (RFC 6891 section 7): here that may be what failed.
    if query.edns and (code == dns.rcode.BADVERS or not sifted.has_edns):
        raise FormatNotUnderstood(rcode=dns.rcode.to_text(code))
    if code == dns.rcode.REFUSED:
        raise QueryRefused
    raise ServerFailed(rcode=dns.rcode.to_text(code))


def _with_question(wire: bytes, question: bytes) -> bytes:
    return wire[:_HEADER_BYTES] + question + wire[_HEADER_BYTES + len(question) :]


def _spell(name: bytes, random_bytes: Callable[[int], bytes]) -> bytes:
    """A name in wire format, each letter large or small at random; lengths of labels are below any letter's code."""
    bits = int.from_bytes(random_bytes((len(name) + 7) // 8), "big")
    return bytes(
        octet ^ 0x20 if octet in _LETTERS and bits >> position & 1 else octet for position, octet in enumerate(name)
    )
