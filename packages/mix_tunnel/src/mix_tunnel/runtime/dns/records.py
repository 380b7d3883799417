"""Records as callers see them: presentation text, and their parts by name.

The names of the parts are those of the RFC that defines the type, in snake case. Domain names in them have no final
dot (the root is "."); binary parts are hexadecimal or base64, as in the type's presentation format.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import dns.name
import dns.rdata
import dns.rdatatype
import dns.rdtypes.svcbbase

from .errors import BadRecordType

RECORD_TYPES = (
    "A",
    "AAAA",
    "CNAME",
    "MX",
    "TXT",
    "NS",
    "SOA",
    "SRV",
    "CAA",
    "PTR",
    "NAPTR",
    "HTTPS",
    "SVCB",
    "TLSA",
    "DS",
    "DNSKEY",
)
"""What can be asked for."""


def normal_type(type: str) -> str:
    """A record type in capitals; raises `BadRecordType`."""
    upper = type.upper() if isinstance(type, str) else ""
    if upper not in RECORD_TYPES:
        raise BadRecordType(f"the type must be one of {', '.join(RECORD_TYPES)}", allowed=list(RECORD_TYPES))
    return upper


@dataclass(frozen=True, slots=True)
class DnsRecord:
    """One record of an answer."""

    type: str
    """Such as "MX"."""
    ttl_s: int
    """Seconds for which it may still be believed."""
    text: str
    """What a zone file would say behind the type (RFC 1035 section 5)."""
    data: Mapping[str, Any] = field(hash=False)
    """The parts by name; see the table in mix_dns's README."""


def read_record(rdata: dns.rdata.Rdata, ttl_s: int) -> DnsRecord:
    """A record from what dnspython has parsed. Raises KeyError for a type that is none of `RECORD_TYPES`."""
    rdtype = dns.rdatatype.to_text(rdata.rdtype)
    return DnsRecord(rdtype, ttl_s, rdata.to_text(), _READERS[rdtype](rdata))


def name_text(name: dns.name.Name) -> str:
    """A domain name without its final dot; "." for the root."""
    return name.to_text(omit_final_dot=True) if name != dns.name.root else "."


def _fields(*names: str) -> Callable[[Any], dict[str, Any]]:
    """A reader of parts that dnspython calls by the same names; domain names become texts."""

    def read(rdata: Any) -> dict[str, Any]:
        return {name: _plain(getattr(rdata, name)) for name in names}

    return read


def _plain(value: Any) -> Any:
    if isinstance(value, dns.name.Name):
        return name_text(value)
    return _text(value) if isinstance(value, bytes) else value


def _text(value: bytes) -> str:
    """Character strings are bytes without an encoding; in practice they are UTF-8 (the `text` keeps every byte)."""
    return value.decode("utf-8", errors="replace")


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _txt(rdata: Any) -> dict[str, Any]:
    return {"strings": [_text(part) for part in rdata.strings], "text": _text(b"".join(rdata.strings))}


def _caa(rdata: Any) -> dict[str, Any]:
    return {**_fields("flags", "tag", "value")(rdata), "critical": bool(rdata.flags & 0x80)}


def _tlsa(rdata: Any) -> dict[str, Any]:
    return {
        "usage": rdata.usage,
        "selector": rdata.selector,
        "matching_type": rdata.mtype,
        "certificate": rdata.cert.hex(),
    }


def _ds(rdata: Any) -> dict[str, Any]:
    return {
        "key_tag": rdata.key_tag,
        "algorithm": int(rdata.algorithm),
        "digest_type": int(rdata.digest_type),
        "digest": rdata.digest.hex(),
    }


def _dnskey(rdata: Any) -> dict[str, Any]:
    wire = rdata.to_wire() or b""
    # RFC 4034 appendix B: the sum of its 16-bit words, carries added back.
    total = (sum(wire[0::2]) << 8) + sum(wire[1::2])
    return {
        "flags": int(rdata.flags),
        "protocol": rdata.protocol,
        "algorithm": int(rdata.algorithm),
        "key": _base64(rdata.key),
        "key_tag": (total + (total >> 16)) & 0xFFFF,
    }


def _svcb(rdata: Any) -> dict[str, Any]:
    params = {_key_name(key): _svcb_value(key, value) for key, value in sorted(rdata.params.items())}
    return {"priority": rdata.priority, "target": name_text(rdata.target), "params": params}


def _key_name(key: int) -> str:
    """RFC 9460's name of a parameter, in snake case; keyNNNNN for those without a name."""
    try:
        return dns.rdtypes.svcbbase.ParamKey(key).name.lower()
    except ValueError:
        return f"key{int(key)}"


def _svcb_value(key: int, value: Any) -> Any:
    keys = dns.rdtypes.svcbbase.ParamKey
    match key:
        case keys.MANDATORY:
            return [_key_name(number) for number in value.keys]
        case keys.ALPN | keys.DOCPATH:
            return [_text(protocol) for protocol in value.ids]
        case keys.PORT:
            return value.port
        case keys.IPV4HINT | keys.IPV6HINT:
            return list(value.addresses)
        case keys.ECH:
            return _base64(value.ech)
        case keys.DOHPATH:
            return _text(value.value)
    # Flags such as no-default-alpn have no value at all; what is not known is told as bytes.
    raw = getattr(value, "value", b"")
    return _base64(raw) if raw else True


_READERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "A": _fields("address"),
    "AAAA": _fields("address"),
    "CNAME": _fields("target"),
    "MX": _fields("preference", "exchange"),
    "TXT": _txt,
    "NS": _fields("target"),
    "SOA": _fields("mname", "rname", "serial", "refresh", "retry", "expire", "minimum"),
    "SRV": _fields("priority", "weight", "port", "target"),
    "CAA": _caa,
    "PTR": _fields("target"),
    "NAPTR": _fields("order", "preference", "flags", "service", "regexp", "replacement"),
    "HTTPS": _svcb,
    "SVCB": _svcb,
    "TLSA": _tlsa,
    "DS": _ds,
    "DNSKEY": _dnskey,
}
