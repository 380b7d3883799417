"""DNS: answers of servers to our questions, over datagrams and streams, and questions to our exit."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterable
from ipaddress import ip_address

import dns.message
import dns.rrset
from support.byte_pipe import byte_pipe

from fuzz.draws import Draws
from fuzz.registry import target
from fuzz.targets.loops import run_to_end
from mix_network.exit.hosts_resolver import HostsResolver
from mix_protocol.errors import MixError
from mix_tunnel.runtime.dns.answers import interpret
from mix_tunnel.runtime.dns.messages import CaseNotKept, Query, Truncated, belongs_to, make_query, read_message
from mix_tunnel.runtime.dns.records import RECORD_TYPES
from mix_tunnel.runtime.dns.transports.streams import StreamConnection

TYPES = sorted(RECORD_TYPES)
RECORDS = {
    "A": "192.0.2.1",
    "AAAA": "2001:db8::1",
    "CAA": '128 issue "ca.test"',
    "CNAME": "b.test.",
    "DNSKEY": "256 3 5 AQPSKmynfzW4kyBv015MUG2DeIQ3",
    "DS": "60485 5 1 " + "2b" * 20,
    "HTTPS": '1 . alpn="h3,h2" port=8443 ipv4hint=192.0.2.1 key65333="x"',
    "MX": "10 mail.test.",
    "NAPTR": '1 2 "S" "SIP+D2U" "!^.*$!sip:x@a.test!" .',
    "NS": "ns.test.",
    "PTR": "a.test.",
    "SOA": "ns.test. admin.test. 1 3600 600 86400 120",
    "SRV": "1 2 443 a.test.",
    "SVCB": '1 a.test. mandatory=alpn alpn="dot" ipv6hint=2001:db8::1 dohpath="/q{?dns}"',
    "TLSA": "3 1 1 " + "ab" * 32,
    "TXT": '"v=spf1 -all" "x"',
}


def _question(type: str) -> Query:
    return make_query("a.test", type, bytes, identifier=7)


def _answer(type: str, *more: str) -> bytes:
    response = dns.message.make_response(dns.message.from_wire(_question(type).wire))
    owner = "a.test." if type == "CNAME" else "c.test."
    chain = [] if type == "CNAME" else ["a.test. 60 IN CNAME c.test."]
    for text in (*chain, f"{owner} 60 IN {type} {RECORDS[type]}", *more):
        name, ttl, rdclass, rdtype, data = text.split(maxsplit=4)
        response.answer.append(dns.rrset.from_text(name, int(ttl), rdclass, rdtype, data))
    return response.to_wire()


def _answers() -> Iterable[bytes]:
    yield from (bytes([number]) + _answer(type) for number, type in enumerate(TYPES))


@target(_answers)
def dns_answers(data: bytes) -> None:
    """One message that claims to answer a question, the beginning of which it always has right."""
    draws = Draws(data)
    type = draws.choice(TYPES)
    query, wire = _question(type), draws.rest()
    wire = query.wire[:2] + (wire[2:] or b"\x81\x80")
    with contextlib.suppress(MixError, Truncated, CaseNotKept):
        if not belongs_to(wire, query):
            return
        answer = interpret(read_message(wire, query, over_stream=True), "a.test", type, len(wire))
        for record in answer.records:
            assert record.type == type
            json.dumps(dict(record.data))


def _streams() -> Iterable[bytes]:
    answer = _answer("A")
    framed = len(answer).to_bytes(2, "big") + answer
    yield from (bytes([size]) + framed * 2 for size in (0, 3, 7))
    yield bytes([7]) + b"\0\0" + framed


@target(_streams)
def dns_streams(data: bytes) -> None:
    """A DNS server's side of a TCP or TLS connection (RFC 1035 section 4.2.2), with two questions under way."""

    async def talk() -> None:
        near, far = byte_pipe(1 << 20)
        connection = StreamConnection(near, 10.0)

        async def ask(query: Query) -> None:
            with contextlib.suppress(MixError):
                await connection.ask(query)

        questions = (_question("A"), make_query("b.test", "A", bytes, identifier=8))
        asking = asyncio.gather(*map(ask, questions))
        await far.readable()
        with contextlib.suppress(MixError):
            for piece in Draws(data).pieces():
                await far.send(piece)
                await asyncio.sleep(0)
            await far.send_eof()
        await asyncio.wait_for(asking, 900)
        connection.abort()

    run_to_end(talk())


def _questions() -> Iterable[bytes]:
    for type in ("A", "AAAA", "ANY", "TXT", "PTR"):
        query = dns.message.make_query("site.test", type, use_edns=0)
        yield query.to_wire()
        yield b"\0\1" + query.to_wire()


@target(_questions)
def exit_dns(data: bytes) -> None:
    """A client's question to the exit's own table of names."""

    async def talk() -> None:
        resolver = HostsResolver({"site.test": (ip_address("192.0.2.1"), ip_address("2001:db8::1"))}, "none")
        answer = await resolver.answer(data, 512)
        assert answer is None or len(answer) <= 512

    run_to_end(talk())
