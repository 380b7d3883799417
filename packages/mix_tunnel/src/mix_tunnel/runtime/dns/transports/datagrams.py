"""DNS over UDP, each question from a port of its own, with TCP for what UDP can't carry or can't be trusted with."""

from __future__ import annotations

from collections.abc import Callable

from ....streams import IpAddress, IpNetwork
from ..answers import interpret
from ..messages import CaseNotKept, Query, Truncated, belongs_to, make_query, read_message
from . import DnsTransport, Reply

MAX_STRANGERS = 32
"""Datagrams from the server's address that are no answer to our question, before somebody must be guessing."""


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

    async def exchange(self, name: str, type: str, *, edns: bool = True) -> Reply:
        """Ask from a fresh port with a fresh identifier and a random spelling, all of which the answer must repeat."""
        if self._keeps_case:
            query = make_query(name, type, self._random_bytes, edns=edns, random_case=True)
            try:
                wire = await self._ask(query)
                return Reply(interpret(read_message(wire, query), name, type, len(wire)), "udp")
            except CaseNotKept:
                self._keeps_case = False
            except (Truncated, GuessesArrived):
                pass
        return await self._tcp.exchange(name, type, edns=edns)

    async def aclose(self) -> None:
        """Close the way over TCP; a datagram socket lives no longer than its question."""
        await self._tcp.aclose()

    async def _ask(self, query: Query) -> bytes:
        socket = self._network.open_udp()
        strangers = 0
        try:
            await socket.send(query.wire, *self._peer)
            while True:
                wire, ip, port = await socket.receive()
                # Anything else is someone's guess (RFC 5452): wait on for the real answer.
                if (ip, port) != self._peer:
                    continue
                if belongs_to(wire, query, case_counts=True):
                    return wire
                strangers += 1
                if strangers >= MAX_STRANGERS:
                    raise GuessesArrived
        finally:
            socket.close()
