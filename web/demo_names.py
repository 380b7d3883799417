"""A small name server for the demo site: records of every common type, over UDP, TCP, TLS and HTTPS.

It is authoritative for `demo.test` and for the reverse of 127.0.0.1; nothing else exists. A few names misbehave on
purpose, so that a person sees what each failure looks like.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hashlib
import ssl
from collections.abc import AsyncIterator
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zone
from serving import LOCALHOST
from starlette.requests import Request
from starlette.responses import Response

_UDP_BYTES = 1232
"""The longest answer over UDP (DNS flag day 2020); a longer one comes truncated."""
_STREAM_BYTES = 0xFFFF
_ALIASES = 8
_DNS_MESSAGE = "application/dns-message"
_FORWARD = """\
$ORIGIN demo.test.
$TTL 300
@          SOA   ns hostmaster 1 3600 600 86400 60
@          NS    ns
@          A     127.0.0.1
@          MX    10 mail
@          MX    20 backup
@          TXT   "v=spf1 -all"
@          TXT   "these words came through five hops"
@          CAA   0 issue "ca.example"
@          HTTPS 1 . alpn="http/1.1" port={https_port}
@          NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:hello@demo.test!" .
ns         A     127.0.0.1
mail       A     127.0.0.1
backup     A     127.0.0.1
www        CNAME @
xn--bcher-kva CNAME www
ipv6       AAAA  2001:db8::6
_https._tcp SRV  0 5 {https_port} @
_{https_port}._tcp TLSA 3 0 1 {certificate_hash}
"""
_REVERSE = """\
$ORIGIN 127.in-addr.arpa.
$TTL 300
@          SOA   ns.demo.test. hostmaster.demo.test. 1 3600 600 86400 60
@          NS    ns.demo.test.
1.0.0      PTR   demo.test.
"""
_LONG = "long.demo.test."
_SILENT = "silent.demo.test."
_FAILING = {"servfail.demo.test.": dns.rcode.SERVFAIL, "refused.demo.test.": dns.rcode.REFUSED}


class DemoNames:
    """Answers queries from the demo's zones.

    https_port -- of the demo site, which SRV, HTTPS and TLSA records name
    certificate -- the site's certificate (DER), whose hash is in the TLSA record
    """

    def __init__(self, https_port: int, certificate: bytes) -> None:
        digest = hashlib.sha256(certificate).hexdigest()
        texts = (_FORWARD.format(https_port=https_port, certificate_hash=digest), _REVERSE)
        self._zones = [dns.zone.from_text(text, relativize=False) for text in texts]

    def answer(self, query: bytes, max_bytes: int) -> bytes | None:
        """The answer to one query; None if it is none, or if its name never answers."""
        try:
            request = dns.message.from_wire(query)
        except (dns.exception.DNSException, ValueError):
            return None
        if request.flags & dns.flags.QR or len(request.question) != 1:
            return None
        if request.question[0].name.canonicalize().to_text() == _SILENT:
            return None
        response = dns.message.make_response(request, recursion_available=True)
        self._fill(request.question[0], response)
        if max_bytes == _UDP_BYTES:
            announced = request.payload if request.edns >= 0 else 512
            max_bytes = min(max(announced, 512), _UDP_BYTES)
        try:
            return response.to_wire(max_size=max_bytes)
        except dns.exception.TooBig:
            response.answer.clear()
            response.authority.clear()
            response.flags |= dns.flags.TC
            return response.to_wire(max_size=max_bytes)

    async def over_https(self, request: Request) -> Response:
        """DNS over HTTPS (RFC 8484), by GET and POST."""
        if request.method == "POST":
            if request.headers.get("content-type") != _DNS_MESSAGE:
                return Response(status_code=415)
            query = b""
            async for piece in request.stream():
                query += piece
                if len(query) > _STREAM_BYTES:
                    return Response(status_code=413)
        else:
            encoded = request.query_params.get("dns", "")
            try:
                query = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
            except (binascii.Error, ValueError):
                return Response(status_code=400)
        answer = self.answer(query, _STREAM_BYTES)
        if answer is None:
            return Response(status_code=400)
        return Response(answer, media_type=_DNS_MESSAGE, headers={"cache-control": "no-store"})

    def _fill(self, question: dns.rrset.RRset, response: dns.message.Message) -> None:
        name = question.name.canonicalize()
        if name.to_text() in _FAILING:
            response.set_rcode(_FAILING[name.to_text()])
            return
        if name.to_text() == _LONG and question.rdtype == dns.rdatatype.TXT:
            texts = [f'"line {number}: longer than one packet, so the answer comes over TCP"' for number in range(40)]
            response.answer.append(dns.rrset.from_text_list(question.name, 300, "IN", "TXT", texts))
            return
        owner = question.name
        for _ in range(_ALIASES):
            zone = next((each for each in self._zones if name.is_subdomain(each.origin)), None)
            node = zone.get_node(name) if zone is not None else None
            if node is None:
                self._deny(zone, name, response)
                return
            wanted = node.get_rdataset(dns.rdataclass.IN, question.rdtype)
            alias = node.get_rdataset(dns.rdataclass.IN, dns.rdatatype.CNAME)
            found = wanted or alias
            if found is None:
                self._deny(zone, name, response)
                return
            answer = dns.rrset.RRset(owner, dns.rdataclass.IN, found.rdtype)
            answer.update(found)
            response.answer.append(answer)
            if found is wanted:
                return
            owner = found[0].target
            name = owner.canonicalize()

    @staticmethod
    def _deny(zone: dns.zone.Zone | None, name: dns.name.Name, response: dns.message.Message) -> None:
        """No such name, or none of this type; the SOA tells how long that holds (RFC 2308)."""
        exists = zone is not None and any(known.is_subdomain(name) for known in zone.nodes)
        response.set_rcode(dns.rcode.NOERROR if exists else dns.rcode.NXDOMAIN)
        if zone is not None:
            authority = dns.rrset.RRset(zone.origin, dns.rdataclass.IN, dns.rdatatype.SOA)
            authority.update(zone.get_rdataset(zone.origin, dns.rdatatype.SOA))
            response.authority.append(authority)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, names: DemoNames) -> None:
        self._names = names
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        answer = self._names.answer(data, _UDP_BYTES)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, address)


@contextlib.asynccontextmanager
async def serving_names(names: DemoNames, tls: ssl.SSLContext) -> AsyncIterator[tuple[int, int]]:
    """Serve names until the block ends; gives the port of UDP and TCP, and that of TLS."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                query = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
                answer = names.answer(query, _STREAM_BYTES)
                if answer is not None:
                    writer.write(len(answer).to_bytes(2, "big") + answer)
                    await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has left
        finally:
            writer.close()

    plain = await asyncio.start_server(talk, LOCALHOST, 0)
    port = plain.sockets[0].getsockname()[1]
    encrypted = await asyncio.start_server(talk, LOCALHOST, 0, ssl=tls)
    datagrams, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Datagrams(names), local_addr=(LOCALHOST, port)
    )
    try:
        yield port, encrypted.sockets[0].getsockname()[1]
    finally:
        datagrams.close()
        for server in (plain, encrypted):
            server.close()
