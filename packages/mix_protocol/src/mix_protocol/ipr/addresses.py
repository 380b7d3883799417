"""Which IP addresses a router has given to whom.

Nym spec: the router is 10.0.0.1 and fc00::1; a client has a random number n from 2 to 65534 and with it 10.0.x.y (n's
two bytes) and fc00::n.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from mix_protocol.crypto.randomness import RandomBytes, uniform_below

_IPV4_NETWORK = int(IPv4Address("10.0.0.0"))
_IPV6_NETWORK = int(IPv6Address("fc00::"))
_FIRST, _LAST = 2, 65534
_ATTEMPTS = 100

ROUTER_IPV4 = IPv4Address(_IPV4_NETWORK + 1)
ROUTER_IPV6 = IPv6Address(_IPV6_NETWORK + 1)

MAX_CLIENTS = 16_384
"""A quarter of the pool: drawing at random then finds a free pair at once, however many clients there are."""


class AddressPair(NamedTuple):
    """A client's two addresses."""

    ipv4: IPv4Address
    ipv6: IPv6Address


class AddressPool:
    """Hands out address pairs at random, so that an address tells nothing of how many clients there are.

    max_clients -- how many pairs are out at most
    """

    def __init__(self, random: RandomBytes, max_clients: int = MAX_CLIENTS) -> None:
        self._random = random
        self._max_clients = min(max_clients, MAX_CLIENTS)
        self._taken: set[int] = set()

    def allocate(self) -> AddressPair | None:
        """A free pair; None when there is none left."""
        if len(self._taken) >= self._max_clients:
            return None
        for _ in range(_ATTEMPTS):
            number = _FIRST + uniform_below(self._random, _LAST - _FIRST + 1)
            if number not in self._taken:
                self._taken.add(number)
                return AddressPair(IPv4Address(_IPV4_NETWORK + number), IPv6Address(_IPV6_NETWORK + number))
        return None

    def release(self, pair: AddressPair) -> None:
        """Take a pair back."""
        self._taken.discard(int(pair.ipv4) - _IPV4_NETWORK)
