"""What a response says about a question: its records, that there are none, or whom to ask about next.

Only records that belong to the question are looked at: those of its name, and of the names that its aliases lead to
within the same response. All else that a server adds is ignored, so it can't plant anything (RFC 5452 section 6).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from mix_protocol.errors import MixError

from .errors import MalformedAnswer, NameNotFound, NoAddress, NoData, ServerFailed
from .records import DnsRecord, name_text, read_record
from .sifting import MAX_ALIASES

MAX_TTL_S = 86_400
"""Answers are believed for at most a day (RFC 8767 section 4 advises against years)."""
MAX_NEGATIVE_TTL_S = 300
"""Answers that say "no" are believed for at most five minutes (RFC 2308 section 5 allows up to three hours)."""

_TTL_SIGN_BIT = 1 << 31


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered for good."""

    canonical_name: str = field(repr=False)
    """The end of the chain of aliases; the question's own name when there are none."""
    records: tuple[DnsRecord, ...] = field(repr=False)
    ttl_s: int
    """Seconds for which the answer may be kept; 0 when it may not."""
    error: type[MixError] | None = None
    """`NameNotFound`, `NoData` or `NoAddress` when there are no records."""
    aliases: int = 0
    """How many CNAMEs led to the canonical name."""
    unfinished: bool = False
    """Whether the server left it to us to ask for the canonical name."""
    size_bytes: int = 0
    """About what it takes to keep it."""


def interpret(message: dns.message.QueryMessage, name: str, type: str, size_bytes: int = 0) -> Answer:
    """Read what a response says about a name and type; raises `MalformedAnswer` or `ServerFailed`.

    Records that make no sense count only when nothing good is left: they may be what was asked for.
    """
    rdtype = dns.rdatatype.from_text(type)
    here = dns.name.from_text(name)
    seen = {here}
    ttl_s = MAX_TTL_S
    while (found := _rrset(message, here, rdtype)) is None:
        alias = _rrset(message, here, dns.rdatatype.CNAME)
        if alias is None:
            break
        if len(seen) > MAX_ALIASES:
            raise MalformedAnswer("the DNS server's answer has too many aliases")
        ttl_s = min(ttl_s, _ttl_s(alias))
        here = alias[0].target
        if here in seen:
            raise MalformedAnswer("the DNS server's answer forms an endless chain of aliases")
        seen.add(here)
    canonical, aliases = name_text(here).lower(), len(seen) - 1
    if found is None and message.errors:
        raise MalformedAnswer
    if found is not None:
        if message.rcode() == dns.rcode.NXDOMAIN:
            raise MalformedAnswer("the DNS server says that the name does not exist, and what it is")
        own_ttl_s = _ttl_s(found)
        records = tuple(read_record(rdata, own_ttl_s) for rdata in found)
        return Answer(canonical, records, min(ttl_s, own_ttl_s), None, aliases, size_bytes=size_bytes)
    soa = _soa(message, here)
    negative_ttl_s = 0
    if soa is not None:
        negative_ttl_s = min(ttl_s, _ttl_s(soa), soa[0].minimum, MAX_NEGATIVE_TTL_S)
    elif message.rcode() == dns.rcode.NOERROR:
        if aliases:
            return Answer(canonical, (), ttl_s, None, aliases, unfinished=True)
        if any(rrset.rdtype == dns.rdatatype.NS for rrset in message.authority):
            # A referral to other servers (RFC 2308 section 2.2): this one does not find things out for us.
            raise ServerFailed("the DNS server does not resolve names for others; choose another DNS server")
    error = NameNotFound if message.rcode() == dns.rcode.NXDOMAIN else NoAddress if type == "A" else NoData
    return Answer(canonical, (), negative_ttl_s, error, aliases)


def _rrset(
    message: dns.message.Message, name: dns.name.Name, rdtype: dns.rdatatype.RdataType
) -> dns.rrset.RRset | None:
    return message.get_rrset(message.answer, name, dns.rdataclass.IN, rdtype)


def _soa(message: dns.message.Message, name: dns.name.Name) -> dns.rrset.RRset | None:
    """The SOA of a zone that the name can be in; a "no" may be kept only with it (RFC 2308 section 5)."""
    for rrset in message.authority:
        if rrset.rdtype == dns.rdatatype.SOA and rrset.rdclass == dns.rdataclass.IN and name.is_subdomain(rrset.name):
            return rrset
    return None


def _ttl_s(rrset: dns.rrset.RRset) -> int:
    """A TTL with the sign bit set is none (RFC 2181 section 8)."""
    return 0 if rrset.ttl & _TTL_SIGN_BIT else min(rrset.ttl, MAX_TTL_S)
