"""Ephemeral ports, chosen at random so that nobody off the path can guess a flow (RFC 6056)."""

from __future__ import annotations

from mix_protocol.crypto.randomness import RandomBytes, uniform_below
from mix_protocol.netstack.errors import PortsExhausted

FIRST_EPHEMERAL_PORT = 49152
_COUNT = 65536 - FIRST_EPHEMERAL_PORT


class PortAllocator:
    """Counts who uses which port of one protocol."""

    def __init__(self, random: RandomBytes) -> None:
        self._random = random
        self._claims: dict[int, int] = {}

    def choose(self) -> int:
        """A free ephemeral port; it stays free until claimed."""
        start = uniform_below(self._random, _COUNT)
        for step in range(_COUNT):
            port = FIRST_EPHEMERAL_PORT + (start + step) % _COUNT
            if port not in self._claims:
                return port
        raise PortsExhausted()

    def is_claimed(self, port: int) -> bool:
        """Whether a socket uses it."""
        return port in self._claims

    def claim(self, port: int) -> None:
        """One more socket uses it."""
        self._claims[port] = self._claims.get(port, 0) + 1

    def release(self, port: int) -> None:
        """One socket fewer uses it."""
        left = self._claims.get(port, 0) - 1
        if left > 0:
            self._claims[port] = left
        else:
            self._claims.pop(port, None)
