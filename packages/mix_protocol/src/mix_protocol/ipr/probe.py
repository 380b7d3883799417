"""Packets that ask whether an exit still knows us: whoever gets an answer is known.

Where the router is known to answer echo requests to its own address (nodes of this family announce it), that is asked:
it needs nothing of the exit's policy or of the Internet. Every other exit would refuse it and log that it did, a client
like no other; it gets what all clients send anyway, a DNS query for one of the most common names.
"""

from __future__ import annotations

from collections import deque
from ipaddress import IPv4Address
from typing import Final, Protocol

from mix_protocol.crypto.randomness import RandomBytes, choose, uniform_below
from mix_protocol.ipr.addresses import ROUTER_IPV4
from mix_protocol.ipr.ip_packet import (
    echo_request,
    is_echo_reply,
    read_udp,
    read_unreachable,
    udp_datagram,
)

RESOLVER: Final = IPv4Address("8.8.8.8")
"""The resolver of the published clients."""
DNS_PORT: Final = 53

_NAMES: Final = ("www.google.com", "www.gstatic.com", "www.youtube.com", "www.apple.com", "www.microsoft.com")
_FIRST_PORT, _LAST_PORT = 49152, 65535
_REMEMBERED: Final = 8
_QUERY_FLAGS: Final = b"\x01\0"  # recursion desired (RFC 1035, section 4.1.1)
_ONE_QUESTION: Final = b"\0\x01\0\0\0\0\0\0"
_A_IN: Final = b"\0\x01\0\x01"


class Probe(Protocol):
    """Makes probes for one connection, and knows their answers."""

    def make(self) -> bytes:
        """An IPv4 packet to send."""
        ...

    def is_answered_by(self, packet: bytes) -> bool:
        """Whether a packet that came answers one of them; it is nobody else's then."""
        ...

    def is_refused_by(self, detail: str) -> bool:
        """Whether the exit's remark that a destination (`IP` or `IP:port`) is forbidden is about one of them."""
        ...


class EchoProbe:
    """Echo requests to the router's own address."""

    def __init__(self, source: IPv4Address, random: RandomBytes) -> None:
        self._source = source
        self._random = random
        self._identifier: int | None = None
        self._sequence = 0

    def make(self) -> bytes:
        if self._identifier is None:
            self._identifier = int.from_bytes(self._random(2), "big")
        self._sequence = (self._sequence + 1) & 0xFFFF
        return echo_request(self._source, ROUTER_IPV4, self._identifier, self._sequence)

    def is_answered_by(self, packet: bytes) -> bool:
        return self._identifier is not None and is_echo_reply(packet, ROUTER_IPV4, self._identifier)

    def is_refused_by(self, detail: str) -> bool:
        return detail.partition(":")[0] == str(ROUTER_IPV4)


class DnsProbe:
    """Queries for the address of a common name, each from a port of its own as clients ask."""

    def __init__(self, source: IPv4Address, random: RandomBytes) -> None:
        self._source = source
        self._random = random
        self._asked: deque[tuple[int, bytes]] = deque(maxlen=_REMEMBERED)

    def make(self) -> bytes:
        port = _FIRST_PORT + uniform_below(self._random, _LAST_PORT - _FIRST_PORT + 1)
        query_id = self._random(2)
        self._asked.append((port, query_id))
        labels = choose(self._random, _NAMES).encode().split(b".")
        name = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
        query = b"".join((query_id, _QUERY_FLAGS, _ONE_QUESTION, name, _A_IN))
        return udp_datagram(self._source, port, RESOLVER, DNS_PORT, query)

    def is_answered_by(self, packet: bytes) -> bool:
        datagram = read_udp(packet)
        if datagram is not None:
            source, source_port, port, data = datagram
            return source == RESOLVER and source_port == DNS_PORT and (port, data[:2]) in self._asked
        # A router on the way may say that the resolver can't be reached: it knows where to send that, so the exit does.
        returned = read_unreachable(packet)
        if returned is None:
            return False
        destination, port, destination_port = returned
        ports = {asked_port for asked_port, _ in self._asked}
        return destination == RESOLVER and destination_port == DNS_PORT and port in ports

    def is_refused_by(self, detail: str) -> bool:
        return bool(self._asked) and detail == f"{RESOLVER}:{DNS_PORT}"
