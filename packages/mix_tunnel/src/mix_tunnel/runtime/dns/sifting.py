"""Which records of a response belong to its question: those of the name asked for, of the names that its aliases lead
to, and a "no" (RFC 5452 section 6). Only they are given to dnspython.

All else that a server adds is not even read. dnspython keeps records in dictionaries by name, the hash of a name is no
secret, and names of one hash make it compare each with all others: 2,500 of them would hold up everything for half a
minute.
"""

from __future__ import annotations

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from .errors import MalformedAnswer
from .framing import NameReader, RecordPlace, Sections, find_records

MAX_ALIASES = 16
"""CNAMEs followed from one question, over all of its responses."""
MAX_SIFTED_RECORDS = 512
"""Records of one response that are read; a name with more of one type is nobody's host or service."""
MAX_SIFTED_BYTES = 16_384
"""Of what those records say, but for texts, which are quickly read: of them a message may be full."""
MAX_SIFTED_PARTS = 2_048
"""Labels, strings and parameters in those records: what it takes to read and write them."""

MAX_SOAS = 8

_OPT, _CNAME, _SOA, _NS = 41, dns.rdatatype.CNAME, dns.rdatatype.SOA, dns.rdatatype.NS
_TXT = dns.rdatatype.TXT
_IN = dns.rdataclass.IN


class Sifted:
    """A response's frame, read once.

    has_edns -- whether the server speaks EDNS
    code -- the response code, the part of it that EDNS carries included
    """

    def __init__(self, wire: bytes) -> None:
        self._wire = wire
        self._names = NameReader(wire)
        self._sections: Sections = find_records(wire)
        opt = next((place for place in self._sections.additional if place.type == _OPT), None)
        self.has_edns = opt is not None
        self.code = wire[3] & 0xF | (opt.ttl_s >> 24 << 4 if opt is not None else 0)

    def message(self, name: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> dns.message.QueryMessage:
        """The response without all that does not belong to the question.

        Its `errors` are those of records of the answer that make no sense. Raises `MalformedAnswer`.
        """
        message = dns.message.QueryMessage(id=int.from_bytes(self._wire[:2], "big"))
        message.flags = dns.flags.Flag(int.from_bytes(self._wire[2:4], "big"))
        message.find_rrset(message.question, name, _IN, rdtype, create=True)
        kept = self._answers(name.to_wire() or b"", rdtype)
        length = sum(self._texts(place) if place.type == _TXT else place.length for place in kept)
        if len(kept) > MAX_SIFTED_RECORDS or length > MAX_SIFTED_BYTES:
            raise MalformedAnswer("the DNS server's answer has too many records, or too long ones")
        parts = 0
        for place in kept:
            parts += self._put(message, message.answer, place)
            if parts > MAX_SIFTED_PARTS:
                raise MalformedAnswer("the DNS server's answer takes too much work to read")
        errors, message.errors = message.errors, []
        authority = [place for place in self._sections.authority if place.rdclass == _IN]
        for place in (*_of_type(authority, _SOA)[:MAX_SOAS], *_of_type(authority, _NS)[:1]):
            self._put(message, message.authority, place)
        message.errors = errors
        return message

    def _answers(self, name: bytes, rdtype: int) -> list[RecordPlace]:
        """The records of the name, and of those that its aliases lead to."""
        by_name: dict[bytes, list[RecordPlace]] = {}
        for place in self._sections.answer:
            if place.rdclass == _IN and place.type in (rdtype, _CNAME):
                by_name.setdefault(self._names.read(place.name_at), []).append(place)
        kept: list[RecordPlace] = []
        here: bytes | None = name.lower()
        while here is not None and len(kept) <= MAX_SIFTED_RECORDS:
            found = by_name.pop(here, [])
            kept += found
            here = None
            if found and not _of_type(found, rdtype):
                here = self._names.read(found[-1].data_at)  # of several, dnspython keeps the last
        return kept

    def _texts(self, place: RecordPlace) -> int:
        """How many character strings a TXT record has, by their lengths in front of each."""
        count, at = 0, place.data_at
        while at < place.data_at + place.length:
            at += 1 + self._wire[at]
            count += 1
        return count

    def _put(self, message: dns.message.Message, section: list[dns.rrset.RRset], place: RecordPlace) -> int:
        """Add a record to a section; gives of how many parts it is made."""
        try:
            name = dns.name.from_wire(self._wire, place.name_at)[0]
            rdclass, rdtype = dns.rdataclass.RdataClass.make(place.rdclass), dns.rdatatype.RdataType.make(place.type)
            rdata = dns.rdata.from_wire(rdclass, rdtype, self._wire, place.data_at, place.length)
        except (dns.exception.DNSException, ValueError, KeyError, IndexError, AttributeError) as error:
            message.errors.append(dns.message.MessageError(error, place.data_at))
            return 0
        rrset = message.find_rrset(section, name, rdclass, rdtype, create=True)
        rrset.add(rdata, 0 if place.ttl_s >> 31 else place.ttl_s)  # none with the sign bit set (RFC 2181 section 8)
        return 1 + sum(_parts(getattr(rdata, slot)) for slot in rdata.__slots__)


def _of_type(places: list[RecordPlace], rdtype: int) -> list[RecordPlace]:
    return [place for place in places if place.type == rdtype]


def _parts(value: object) -> int:
    if isinstance(value, dns.name.Name):
        return len(value.labels)
    return len(value) if isinstance(value, (tuple, dict)) else 0
