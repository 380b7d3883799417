"""DNS questions and answers as values (RFC 1035), over dnspython's wire formats. No I/O, no clock."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from mix_protocol.errors import MixError

from .errors import (
    BadName,
    FormatNotUnderstood,
    MalformedAnswer,
    NameNotFound,
    NoAddress,
    QueryRefused,
    ServerFailed,
)

EDNS_PAYLOAD_BYTES = 1232
"""Largest answer asked for over UDP: fits every path's MTU without IP fragments (DNS flag day 2020)."""
MAX_NEGATIVE_TTL_S = 300
"""Answers that say "no" are believed for at most five minutes (RFC 2308 section 5 allows up to three hours)."""

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


def literal_address(name: str) -> IPv4Address | IPv6Address | None:
    """The IP address that the text is (IPv6 with or without brackets), or None."""
    text = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    try:
        return ip_address(text)
    except ValueError:
        return None


def normal_name(name: str) -> str:
    """Lower-case ASCII form of a host name without the trailing dot; raises `BadName`.

    Names in other scripts become A-labels by UTS 46 (non-transitional), as browsers make them.
    """
    text = name.removesuffix(".")
    if not text.isascii():
        import idna

        try:
            text = idna.encode(text, uts46=True, transitional=False).decode("ascii")
        except (idna.IDNAError, UnicodeError) as error:
            raise BadName from error
    text = text.lower()
    labels = text.split(".")
    if not text or len(text) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadName
    if labels[-1].isdigit():  # looks like an IPv4 address, but is none
        raise BadName("this is neither a host name nor a whole IPv4 address; an address has four numbers up to 255")
    return text


@dataclass(frozen=True, slots=True)
class Query:
    """One question for the IPv4 addresses of a name, ready to be sent."""

    name: str
    identifier: int
    wire: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered for good: addresses, or the name to ask for next, or that there are none."""

    addresses: tuple[IPv4Address, ...]
    ttl_s: int
    """Seconds for which the answer may be kept; 0 when it may not."""
    alias: str | None = None
    """Where the chain of CNAMEs leads, when the answer stops there."""
    error: type[MixError] | None = None
    """`NameNotFound` or `NoAddress`."""


class Truncated(Exception):
    """The answer did not fit into a datagram: ask again over TCP."""


def make_query(name: str, random_bytes: Callable[[int], bytes], *, edns: bool = True) -> Query:
    """Build a recursive query for A records with a random identifier (RFC 5452)."""
    identifier = int.from_bytes(random_bytes(2), "big")
    question = dns.name.from_text(name)
    message = dns.message.make_query(question, dns.rdatatype.A, id=identifier)
    if edns:
        message.use_edns(0, payload=EDNS_PAYLOAD_BYTES)
    return Query(name, identifier, message.to_wire())


def belongs_to(wire: bytes, query: Query) -> bool:
    """Whether the header's identifier and the question section are the query's (an answer without question may be)."""
    if len(wire) < 12 or int.from_bytes(wire[:2], "big") != query.identifier or not wire[2] & 0x80:
        return False
    if wire[4:6] == b"\0\0":
        return True
    question = query.wire[12 : query.wire.index(0, 12) + 5]
    return wire[12 : 12 + len(question)].lower() == question.lower()


def read_answer(wire: bytes, query: Query, *, over_tcp: bool = False) -> Answer:
    """Read an answer that `belongs_to` the query.

    Raises `Truncated`, or the error that the response code stands for; "no such name" and "no address" are answers,
    because they may be kept.
    """
    if wire[2] & 0x02 and not over_tcp:
        raise Truncated
    try:
        message = dns.message.from_wire(wire, ignore_trailing=True)
        return _interpret(message, query)
    except (dns.exception.DNSException, ValueError, KeyError, IndexError, AttributeError) as error:
        raise MalformedAnswer from error


def _interpret(message: dns.message.Message, query: Query) -> Answer:
    code = message.rcode()
    if code == dns.rcode.FORMERR:
        raise FormatNotUnderstood
    if code == dns.rcode.REFUSED:
        raise QueryRefused
    if code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        raise ServerFailed(rcode=dns.rcode.to_text(code))
    if not isinstance(message, dns.message.QueryMessage) or not message.question:
        raise MalformedAnswer
    chain = message.resolve_chaining()  # follows CNAMEs; refuses loops and answers beside NXDOMAIN
    ttl_s = min(chain.minimum_ttl, 2**31 - 1)
    if chain.answer is not None:
        addresses = tuple(IPv4Address(record.address) for record in chain.answer)
        return Answer(addresses, ttl_s)
    if code == dns.rcode.NXDOMAIN:
        return Answer((), _negative_ttl_s(message, ttl_s), error=NameNotFound)
    if chain.cnames:
        return Answer((), ttl_s, alias=_host_name(chain.canonical_name))
    return Answer((), _negative_ttl_s(message, ttl_s), error=NoAddress)


def _negative_ttl_s(message: dns.message.Message, ttl_s: int) -> int:
    """RFC 2308: a "no" may be kept only when the zone's SOA came with it."""
    has_soa = any(rrset.rdtype == dns.rdatatype.SOA for rrset in message.authority)
    return min(ttl_s, MAX_NEGATIVE_TTL_S) if has_soa else 0


def _host_name(name: dns.name.Name) -> str:
    try:
        return normal_name(name.to_text(omit_final_dot=True))
    except BadName as error:
        raise MalformedAnswer from error
