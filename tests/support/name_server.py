"""A real DNS server on loopback, UDP and TCP on the same port, whose answers the test writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from mix_tunnel.runtime.dns.servers import DnsServer
from support.ports import port_of_both_kinds

Replies = list[bytes]
Answerer = Callable[[dns.message.Message, str], "Replies | dns.message.Message | None"]
"""From a query and "udp" or "tcp" to the answer, to raw datagrams, or to None for silence."""


@dataclass
class NameServer:
    """A running server: its address, what it answers now, and what it was asked."""

    answer: Answerer
    port: int = 0
    queries: list[tuple[str, str]] = field(default_factory=list)
    """Transport and name of each query, in small letters."""
    spellings: list[str] = field(default_factory=list)
    """The names as they were spelt."""
    identifiers: list[int] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)
    transport: asyncio.DatagramTransport | None = None

    def send(self, reply: bytes, port: int) -> None:
        """Send a datagram from the server's port, asked or not."""
        assert self.transport is not None
        self.transport.sendto(reply, ("127.0.0.1", port))

    @property
    def address(self) -> tuple[IPv4Address, int]:
        return IPv4Address("127.0.0.1"), self.port

    @property
    def server(self) -> DnsServer:
        """The server as a resolver knows it."""
        return DnsServer("udp", *self.address)

    def replies(self, wire: bytes, transport: str, source_port: int) -> Replies:
        query = dns.message.from_wire(wire)
        spelling = query.question[0].name.to_text(omit_final_dot=True)
        self.spellings.append(spelling)
        self.queries.append((transport, spelling.lower()))
        self.identifiers.append(query.id)
        self.sources.append(source_port)
        answer = self.answer(query, transport)
        if isinstance(answer, dns.message.Message):
            return [answer.to_wire(max_size=65_535)]
        return answer or []


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = self._server.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        for reply in self._server.replies(data, "udp", address[1]):
            self._transport.sendto(reply, address)


@asynccontextmanager
async def serve_names(answer: Answerer) -> AsyncIterator[NameServer]:
    """Run a server for the block."""
    server = NameServer(answer)

    async def serve_tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            length = int.from_bytes(await reader.readexactly(2), "big")
            wire = await reader.readexactly(length)
            for reply in server.replies(wire, "tcp", writer.get_extra_info("peername")[1]):
                writer.write(len(reply).to_bytes(2, "big") + reply)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    with port_of_both_kinds() as (server.port, datagrams):
        loop = asyncio.get_running_loop()
        udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(server), sock=datagrams)
        tcp = await asyncio.start_server(serve_tcp, "127.0.0.1", server.port)
        try:
            yield server
        finally:
            udp.close()
            tcp.close()


def respond(
    query: dns.message.Message,
    *records: str,
    rcode: dns.rcode.Rcode = dns.rcode.NOERROR,
    authority: str | None = None,
    truncated: bool = False,
) -> dns.message.Message:
    """An answer with records in zone-file form, such as "a.test. 60 IN A 127.0.0.1"."""
    response = dns.message.make_response(query, recursion_available=True)
    response.set_rcode(rcode)
    for section, texts in ((response.answer, records), (response.authority, (authority,) if authority else ())):
        for text in texts:
            name, ttl, rdclass, rdtype, rdata = text.split(maxsplit=4)
            section.append(dns.rrset.from_text(name, int(ttl), rdclass, rdtype, rdata))
    if truncated:
        response.flags |= dns.flags.TC
    return response


def zone(addresses: dict[str, str]) -> Answerer:
    """Answers from a table of name to IPv4 address; NXDOMAIN for all else."""

    def answer(query: dns.message.Message, transport: str) -> dns.message.Message:
        name = query.question[0].name.to_text(omit_final_dot=True).lower()
        if name in addresses:
            return respond(query, f"{name}. 60 IN A {addresses[name]}")
        return respond(query, rcode=dns.rcode.NXDOMAIN)

    return answer
