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

QUARANTINE_S = 120.0
"""As long as the exit's TCP goes on sending without an answer."""

MAX_CLIENTS = 16_384
"""A quarter of the pool: drawing at random then finds a free pair at once, however many clients there are."""


class AddressPair(NamedTuple):
    """A client's two addresses."""

    ipv4: IPv4Address
    ipv6: IPv6Address


def client_number(address: bytes) -> int:
    """What both addresses of a client have in common; `address` is packed, of either family."""
    return int.from_bytes(address[-2:], "big")


class AddressPool:
    """Hands out address pairs at random, so that an address tells nothing of how many clients there are.

    max_clients -- how many pairs are out at most
    quarantine_s -- how long a pair that came back is kept before somebody else gets it: whatever is still under way to
        its former owner must not find the next one. If all others are taken, those that came back first go out early
    """

    def __init__(
        self, random: RandomBytes, max_clients: int = MAX_CLIENTS, *, quarantine_s: float = QUARANTINE_S
    ) -> None:
        self._random = random
        self._max_clients = min(max_clients, MAX_CLIENTS)
        self._quarantine_s = quarantine_s
        self._taken: set[int] = set()
        self._resting: dict[int, float] = {}  # until when, the earliest first

    def allocate(self, now: float) -> AddressPair | None:
        """A free pair; None when there is none left."""
        if len(self._taken) >= self._max_clients:
            return None
        while self._resting and next(iter(self._resting.values())) <= now:
            del self._resting[next(iter(self._resting))]
        number = self._draw()
        if number is None:
            number = next(iter(self._resting), None)
            if number is None:
                return None
            del self._resting[number]
        self._taken.add(number)
        return AddressPair(IPv4Address(_IPV4_NETWORK + number), IPv6Address(_IPV6_NETWORK + number))

    def release(self, pair: AddressPair, now: float) -> None:
        """Take a pair back."""
        number = client_number(pair.ipv4.packed)
        self._taken.discard(number)
        self._resting[number] = now + self._quarantine_s

    def _draw(self) -> int | None:
        for _ in range(_ATTEMPTS):
            number = _FIRST + uniform_below(self._random, _LAST - _FIRST + 1)
            if number not in self._taken and number not in self._resting:
                return number
        return None
