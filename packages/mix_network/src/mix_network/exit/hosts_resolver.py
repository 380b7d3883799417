"""Answers DNS queries at the exit itself, for names that a developer gave it.

With such names any resolver address, port 53, leads here, so that a client needs no configuration to find them. Other
names go to the system's resolver, or don't exist.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Hashable, Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Literal

from mix_network.exit.turns import Turns
from mix_protocol.crash_log import CrashLog

if TYPE_CHECKING:
    import dns.message

OtherNames = Literal["system", "none"]
IpAddress = IPv4Address | IPv6Address

PLAIN_UDP_BYTES = 512
"""The longest answer over UDP to a client that announces no size of its own (RFC 1035, section 4.2.1)."""
MAX_UDP_BYTES = 1232
"""The longest answer over UDP to any client, which fits one packet on every path (DNS flag day 2020)."""
MAX_TCP_BYTES = 0xFFFF
MAX_QUERY_BYTES = 4096
MAX_QUERY_RECORDS = 8
"""Beside its one question a query has a record of EDNS, perhaps a signature. Those that hold more are not read: a
library that keeps thousands of names in a dictionary can be made to compare each with all others."""

_TTL_S = 60
_LOOKUP_TIMEOUT_S = 5.0
_CONCURRENT_LOOKUPS = 32
_CLIENT_LOOKUPS = 4


_CRASHES = CrashLog(logging.getLogger(__name__))


class LookupFailed(Exception):
    """The system's resolver could not tell whether a name exists."""


def parse_host(text: str) -> tuple[str, IpAddress]:
    """Read `NAME=IP`; raises ValueError."""
    name, equals, address = text.partition("=")
    if not equals or not name.strip(". "):
        raise ValueError("write it as NAME=IP, for example demo.test=127.0.0.1")
    return name.strip().rstrip(".").lower(), ip_address(address.strip())


class HostsResolver:
    """A DNS server for a fixed table of names.

    hosts -- addresses by name, without a final dot
    other_names -- `system` asks the system's resolver for A and AAAA records, `none` says that the name does not exist
    """

    def __init__(self, hosts: Mapping[str, Iterable[IpAddress]], other_names: OtherNames = "none") -> None:
        self._hosts = {name.rstrip(".").lower(): tuple(addresses) for name, addresses in hosts.items()}
        self._other_names = other_names
        self._lookups = Turns(_CONCURRENT_LOOKUPS, _CLIENT_LOOKUPS)

    async def answer(
        self, query: bytes, max_bytes: int | None = None, *, client: Hashable | None = None
    ) -> bytes | None:
        """The answer to one query; None if it is no query at all.

        max_bytes -- longest answer; None for UDP, where the query itself tells. A longer one comes truncated, upon
            which clients ask again over TCP.
        client -- who asks: the system's resolver is asked for clients in turns, and for one only so often at a time
        """
        with _CRASHES.isolated("one DNS query"):
            return await self._answer(query, max_bytes, client)
        return None

    async def _answer(self, query: bytes, max_bytes: int | None, client: Hashable | None) -> bytes | None:
        import dns.exception
        import dns.flags
        import dns.message
        import dns.opcode
        import dns.rcode
        import dns.rdataclass

        if not _is_modest(query):
            return _format_error(query)
        try:
            request = dns.message.from_wire(query, ignore_trailing=True)
        except (dns.exception.DNSException, ValueError):
            return _format_error(query)
        if request.flags & dns.flags.QR:
            return None
        response = dns.message.make_response(request, recursion_available=True)
        if request.opcode() != dns.opcode.QUERY:
            response.set_rcode(dns.rcode.NOTIMP)
        elif len(request.question) != 1:
            response.set_rcode(dns.rcode.FORMERR)
        elif request.question[0].rdclass != dns.rdataclass.IN:
            response.set_rcode(dns.rcode.REFUSED)
        else:
            await self._resolve(request, response, client)
        if max_bytes is None:
            announced = request.payload if request.edns >= 0 else PLAIN_UDP_BYTES
            max_bytes = min(max(announced, PLAIN_UDP_BYTES), MAX_UDP_BYTES)
        try:
            return response.to_wire(max_size=max_bytes)
        except dns.exception.TooBig:
            response.answer.clear()
            response.flags |= dns.flags.TC
            return response.to_wire(max_size=max_bytes)

    async def _resolve(
        self, request: dns.message.Message, response: dns.message.Message, client: Hashable | None
    ) -> None:
        import dns.rcode
        import dns.rdatatype
        import dns.rrset

        question = request.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        versions = {dns.rdatatype.A: (4,), dns.rdatatype.AAAA: (6,), dns.rdatatype.ANY: (4, 6)}.get(question.rdtype, ())
        try:
            addresses = await self._addresses(name, versions, client)
        except LookupFailed:
            response.set_rcode(dns.rcode.SERVFAIL)
            return
        if addresses is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
            return
        for version, record_type in ((4, "A"), (6, "AAAA")):
            texts = [str(address) for address in addresses if address.version == version and version in versions]
            if texts:
                response.answer.append(dns.rrset.from_text_list(question.name, _TTL_S, "IN", record_type, texts))

    async def _addresses(
        self, name: str, versions: Sequence[int], client: Hashable | None
    ) -> Sequence[IpAddress] | None:
        """The name's addresses of these families; None if there is no such name."""
        known = self._hosts.get(name)
        if known is not None:
            return known
        if self._other_names == "none":
            return None
        found: list[IpAddress] = []
        missing = 0
        async with self._lookups.slot(client):
            for version in versions:
                addresses = await _ask_system(name, version)
                missing += addresses is None
                found += addresses or ()
        # For record types that the system's resolver can't be asked for, the name may exist: an empty answer.
        return None if versions and missing == len(versions) else found


def _is_modest(query: bytes) -> bool:
    """Whether a query claims no more than an honest one has."""
    questions, *records = (int.from_bytes(query[at : at + 2], "big") for at in (4, 6, 8, 10))
    return len(query) <= MAX_QUERY_BYTES and questions <= 1 and sum(records) <= MAX_QUERY_RECORDS


def _format_error(query: bytes) -> bytes | None:
    """FORMERR to something that has at least a query's header."""
    if len(query) < 12 or query[2] & 0x80:
        return None
    return query[:2] + bytes((0x80 | (query[2] & 0x79), 0x81)) + bytes(8)


async def _ask_system(name: str, version: int) -> list[IpAddress] | None:
    """Addresses by `getaddrinfo`; None if the name does not exist. Raises `LookupFailed`.

    Each call has a thread of its own that does not keep the program alive: a lookup that hangs must not delay the end.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[list[IpAddress] | None] = loop.create_future()

    def finish(addresses: list[IpAddress] | None, error: Exception | None) -> None:
        if result.done():
            return
        if error is not None:
            result.set_exception(error)
        else:
            result.set_result(addresses)

    def look_up() -> None:
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        addresses: list[IpAddress] | None = None
        error: Exception | None = None
        try:
            answers = socket.getaddrinfo(name, None, family, socket.SOCK_STREAM)
            addresses = list(dict.fromkeys(ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers))
        except socket.gaierror as failure:
            if failure.errno == getattr(socket, "EAI_NODATA", None):
                addresses = []
            elif failure.errno != socket.EAI_NONAME:
                error = LookupFailed()
        except (UnicodeError, ValueError):
            pass  # not a name that the system's resolver can be asked for
        # The loop may have closed while the lookup hung.
        if not loop.is_closed():
            loop.call_soon_threadsafe(finish, addresses, error)

    threading.Thread(target=look_up, name="mix-exit-lookup", daemon=True).start()
    try:
        async with asyncio.timeout(_LOOKUP_TIMEOUT_S):
            return await result
    except TimeoutError:
        raise LookupFailed from None
