"""How fast clients may send: each by itself, and all of an address together. No clock of its own.

A client that sends more is read more slowly, so that it waits and nobody else does; nothing of it is dropped. (Token
buckets, as of RFC 2697, that may be overdrawn by one message: whoever has taken it waits until it is paid for.)
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

LEAST_COST_BYTES: Final = 1024
"""What a message costs that is shorter: it makes as much work."""
_BURST_S: Final = 4.0
_MINUTE_S: Final = 60.0
_MAX_BUCKETS: Final = 20_000


@dataclass(frozen=True, kw_only=True)
class Rates:
    """The most that is taken; None for no bound. A burst of four seconds' worth passes at once.

    client_bytes_per_s -- of one client, by its identity
    address_bytes_per_s -- of all clients of one IPv4 address or IPv6 /64, together. This machine's own programs, among
        them a TLS proxy with everybody behind it, are not bound by their address
    registrations_per_minute -- of new clients from one such address
    """

    client_bytes_per_s: float | None = None
    address_bytes_per_s: float | None = None
    registrations_per_minute: float | None = None


class Buckets:
    """What each of many has left.

    rate -- added a second
    depth -- what one has at most, and at first
    """

    def __init__(self, rate: float, depth: float) -> None:
        self._rate = rate
        self._depth = depth
        # Used longest ago first; of so many that one is forgotten it is most often full again.
        self._levels: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def take(self, whose: Hashable, amount: float, now: float) -> float:
        """Take, though less may be there; gives the seconds until it is paid for."""
        level = self._level(whose, now) - amount
        self._keep(whose, level, now)
        return max(0.0, -level / self._rate)

    def take_if_there(self, whose: Hashable, amount: float, now: float) -> bool:
        """Take if there is enough; False, and nothing is taken, if not."""
        level = self._level(whose, now)
        if level < amount:
            return False
        self._keep(whose, level - amount, now)
        return True

    def _level(self, whose: Hashable, now: float) -> float:
        level, at = self._levels.get(whose, (self._depth, now))
        return min(self._depth, level + (now - at) * self._rate)

    def _keep(self, whose: Hashable, level: float, now: float) -> None:
        self._levels[whose] = level, now
        self._levels.move_to_end(whose)
        if len(self._levels) > _MAX_BUCKETS:
            self._levels.popitem(last=False)


class RateLimiter:
    """Keeps a gateway's clients within `rates`."""

    def __init__(self, rates: Rates) -> None:
        self._clients = _by_the_second(rates.client_bytes_per_s)
        self._addresses = _by_the_second(rates.address_bytes_per_s)
        per_minute = rates.registrations_per_minute
        self._registrations = Buckets(per_minute / _MINUTE_S, per_minute) if per_minute is not None else None

    def delay(self, client: bytes | None, origin: str | None, length: int, now: float) -> float:
        """A message has come; gives the seconds that its connection is to be left unread.

        client -- whose it is; None before it has shown that
        origin -- as of `connection_table.origin_of`
        """
        cost = max(length, LEAST_COST_BYTES)
        delay_s = 0.0
        if self._clients is not None and client is not None:
            delay_s = self._clients.take(client, cost, now)
        if self._addresses is not None and origin is not None:
            delay_s = max(delay_s, self._addresses.take(origin, cost, now))
        return delay_s

    def may_register(self, origin: str | None, now: float) -> bool:
        """Whether one more client may register from there."""
        return self._registrations is None or origin is None or self._registrations.take_if_there(origin, 1, now)


def _by_the_second(rate: float | None) -> Buckets | None:
    return Buckets(rate, _BURST_S * rate) if rate is not None else None
