"""Host names and addresses as texts: what may be asked for, in the one form in which it is asked."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

from .errors import BadAddress, BadName, NameNotFound

ROOT = "."
MAX_NAME_LENGTH = 253
"""Characters of a name without its final dot (RFC 1035 section 2.3.4 counts 255 octets on the wire)."""

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
    """The name to ask for, normal or the root "."; raises `BadName`, or `NameNotFound` for Tor's names.

    A name under .onion must never reach a resolver (RFC 7686 section 2).
    """
    if not isinstance(name, str):
        raise BadName("the name must be a text")
    if name == ROOT:
        return ROOT
    if literal_address(name) is not None:
        raise BadName("this is an address, which has no records under it; ask for its name by a reverse lookup")
    normal = normal_name(name)
    if normal == "onion" or normal.endswith(".onion"):
        raise NameNotFound("onion names exist within Tor alone, so nobody was asked for this one")
    return normal


def reverse_name(address: str | IPv4Address | IPv6Address) -> str:
    """The name whose PTR record names the address's host (RFC 1035 section 3.5, RFC 3596); raises `BadAddress`."""
    literal = literal_address(address) if isinstance(address, str) else address
    if not isinstance(literal, (IPv4Address, IPv6Address)) or (literal.version == 6 and literal.scope_id):
        raise BadAddress
    return literal.reverse_pointer
