"""DNS over UDP, each question from a port of its own, with TCP for what UDP can't carry or can't be trusted with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mix_protocol.errors import NetworkFailure

from ....streams import IpAddress, IpNetwork
from ..answers import interpret
from ..errors import QueryRefused
from ..messages import CaseNotKept, Query, Truncated, belongs_to, make_query, read_message
from . import DnsTransport, Reply

MAX_STRANGERS = 32
"""Datagrams from the server's address that are no answer to our question, before somebody must be guessing."""

TCP_PATIENCE_S = 5.0
TCP_PATIENCE_ROUND_TRIPS = 3
"""How long a server that changes the case may take for its first answer over TCP; the longer of both."""


class GuessesArrived(Exception):
    """Too many datagrams pretend to be the answer (RFC 5452 section 9.3): ask over TCP, where nobody can guess."""


class UdpTransport:
    """Asks over UDP; `tcp` is the way to the same server when the answer is truncated or doubtful."""

    def __init__(
        self,
        network: IpNetwork,
        address: IpAddress,
        port: int,
        tcp: DnsTransport,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._network = network
        self._peer = (address, port)
        self._tcp = tcp
        self._random_bytes = random_bytes
        self._keeps_case = True
        self._tcp_patience_s: float | None = TCP_PATIENCE_S
        self._tcp_works = True

    async def exchange(self, name: str, type: str, *, edns: bool = True) -> Reply:
        """Ask from a fresh port with a fresh identifier and a random spelling, all of which the answer must repeat.

        A server that loses the spelling is asked over TCP, and, when it speaks none, over UDP in plain spelling
        (draft-vixie-dnsext-dns0x20 section 6.4): then a forger has to guess the port and the identifier alone.
        """
        if self._keeps_case:
            clock = asyncio.get_running_loop().time
            began = clock()
            try:
                return await self._ask(name, type, edns=edns, random_case=True)
            except CaseNotKept:
                self._keeps_case = False
                self._tcp_patience_s = max(TCP_PATIENCE_S, TCP_PATIENCE_ROUND_TRIPS * (clock() - began))
            except (Truncated, GuessesArrived):
                return await self._tcp.exchange(name, type, edns=edns)
        if self._tcp_works:
            try:
                async with asyncio.timeout(self._tcp_patience_s):
                    reply = await self._tcp.exchange(name, type, edns=edns)
                self._tcp_patience_s = None
                return reply
            except (NetworkFailure, TimeoutError) as error:
                if self._tcp_patience_s is None or _is_answer(error):
                    raise
                self._tcp_works = False
        try:
            return await self._ask(name, type, edns=edns, random_case=False)
        except (Truncated, GuessesArrived):
            return await self._tcp.exchange(name, type, edns=edns)

    async def aclose(self) -> None:
        """Close the way over TCP; a datagram socket lives no longer than its question."""
        await self._tcp.aclose()

    async def _ask(self, name: str, type: str, *, edns: bool, random_case: bool) -> Reply:
        query = make_query(name, type, self._random_bytes, edns=edns, random_case=random_case)
        wire = await self._send(query, case_counts=random_case)
        return Reply(interpret(read_message(wire, query), name, type, len(wire)), "udp")

    async def _send(self, query: Query, *, case_counts: bool) -> bytes:
        socket = self._network.open_udp()
        strangers = 0
        try:
            await socket.send(query.wire, *self._peer)
            while True:
                wire, ip, port = await socket.receive()
                # Anything else is someone's guess (RFC 5452): wait on for the real answer.
                if (ip, port) != self._peer:
                    continue
                if belongs_to(wire, query, case_counts=case_counts):
                    return wire
                strangers += 1
                if strangers >= MAX_STRANGERS:
                    raise GuessesArrived
        finally:
            socket.close()


def _is_answer(error: Exception) -> bool:
    """Whether the server itself said no, rather than that nothing of it came."""
    return isinstance(error, QueryRefused) or "rcode" in getattr(error, "fields", {})
