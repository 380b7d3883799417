"""Names and addresses as texts: what may be asked for, in the one form in which it is asked."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

import dns.exception
import dns.name

from .errors import BadAddress, BadName, NameNotFound

MAX_NAME_LENGTH = 253
"""Characters of a name without its final dot (RFC 1035 section 2.3.4 counts 255 octets on the wire)."""

_NO_NAME = "this can't be a name; its parts have 1 to 63 characters, 253 together; \\DDD is an octet in decimal digits"
_DOTS = re.compile(r"(?<!\\)[.\u3002\uff0e\uff61]")
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")


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
    if len(text) > 4 * MAX_NAME_LENGTH:  # no need to convert what can't become short enough
        raise BadName
    if not text.isascii():
        import idna

        try:
            text = idna.encode(text, uts46=True, transitional=False).decode("ascii")
        except (idna.IDNAError, UnicodeError) as error:
            raise BadName from error
    text = text.lower()
    labels = text.split(".")
    if not text or len(text) > MAX_NAME_LENGTH or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadName
    if labels[-1].isdigit():  # looks like an IPv4 address, but is none
        raise BadName("this is neither a host name nor a whole IPv4 address; an address has four numbers up to 255")
    return text


def question_name(name: str) -> str:
    """The name to ask for, in small letters, escaped where a zone file would (RFC 1035 section 5.1); "." is the root.

    Any octets make a name (RFC 2181 section 11), though not every name is a host's: instances of DNS-SD have spaces,
    classless reverse zones a "/", wildcards a "*". Raises `BadName`, or `NameNotFound` for Tor's names: a name under
    .onion must never reach a resolver (RFC 7686 section 2).
    """
    if not isinstance(name, str):
        raise BadName("the name must be a text")
    if literal_address(name) is not None:
        raise BadName("this is an address, which has no records under it; ask for its name by a reverse lookup")
    # Four characters an octet when each of them is escaped; what is longer can't become short enough.
    if not name or len(name) > 4 * (MAX_NAME_LENGTH + 1) or any(character < " " for character in name):
        raise BadName(_NO_NAME)
    try:
        asked = dns.name.from_text(r"\@" if name == "@" else _ascii(name))
        normal = asked.to_text(omit_final_dot=asked != dns.name.root).lower()
    except (dns.exception.DNSException, ValueError) as error:
        raise BadName(_NO_NAME) from error
    if normal == "onion" or normal.endswith(".onion"):
        raise NameNotFound("onion names exist within Tor alone, so nobody was asked for this one")
    return normal


def _ascii(name: str) -> str:
    """A name in other scripts as a zone file has it: A-labels, or UTF-8 for what no host is called (RFC 6763 4.1.3)."""
    if name.isascii():
        return name
    import unicodedata

    import idna

    labels = []
    for label in _DOTS.split(name):
        try:
            labels.append(label if label.isascii() else idna.encode(label, uts46=True, transitional=False).decode())
        except (idna.IDNAError, UnicodeError):
            octets = unicodedata.normalize("NFC", label).encode()
            labels.append("".join(chr(octet) if octet < 0x80 else f"\\{octet}" for octet in octets))
    return ".".join(labels)


def reverse_name(address: str | IPv4Address | IPv6Address) -> str:
    """The name whose PTR record names the address's host (RFC 1035 section 3.5, RFC 3596); raises `BadAddress`."""
    literal = literal_address(address) if isinstance(address, str) else address
    if not isinstance(literal, (IPv4Address, IPv6Address)) or (literal.version == 6 and literal.scope_id):
        raise BadAddress
    return literal.reverse_pointer
