"""The connections of a listener, from the moment they are accepted: when there are too many, the longest idle goes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from ipaddress import ip_address, ip_network
from typing import Protocol

_PREFIX_BITS = {4: 32, 6: 64}
"""Whoever has an IPv6 address most often has the whole /64 around it."""


class Endable(Hashable, Protocol):
    """A connection."""

    def abort(self) -> None:
        """End it at once. It need not tell `closed`, but may."""
        ...


class ConnectionTable:
    """Bounded connections, those that have shown who they are apart from those that have not.

    Each kind has its own places, so that whoever opens connections and says nothing pushes out his like, and nobody who
    is at work. Elsewhere than on loopback one address has no more than an eighth of the places.

    max_unproven -- connections that have shown nothing yet
    max_proven -- connections that have; 0 where there is nothing to show
    address_share -- one address has a place in so many at most
    on_dropped -- called when a connection has to make room
    """

    def __init__(
        self,
        *,
        max_unproven: int,
        max_proven: int = 0,
        address_share: int = 8,
        on_dropped: Callable[[], None] = lambda: None,
    ) -> None:
        self._max_unproven = max_unproven
        self._max_proven = max_proven
        self._max_of_address = max(1, (max_unproven + max_proven) // address_share)
        # Idle for longest first.
        self._unproven: dict[Endable, str | None] = {}
        self._proven: dict[Endable, str | None] = {}
        self._by_origin: dict[str, dict[Endable, None]] = {}
        self._on_dropped = on_dropped

    def __len__(self) -> int:
        return len(self._unproven) + len(self._proven)

    def __iter__(self) -> Iterator[Endable]:
        return iter([*self._unproven, *self._proven])

    def opened(self, connection: Endable, address: str | None) -> None:
        """A connection was accepted; others may be ended for it.

        address -- the peer's IP address; None where there is none
        """
        origin = origin_of(address)
        if origin is not None:
            theirs = self._by_origin.setdefault(origin, {})
            if len(theirs) >= self._max_of_address:
                self._end(next(iter(theirs)))
            self._by_origin.setdefault(origin, {})[connection] = None
        if len(self._unproven) >= self._max_unproven:
            self._end(next(iter(self._unproven)))
        self._unproven[connection] = origin

    def heard(self, connection: Endable) -> None:
        """A connection did something useful."""
        for connections in (self._unproven, self._proven):
            if connection in connections:
                origin = connections[connection] = connections.pop(connection)
                if origin is not None:
                    theirs = self._by_origin[origin]
                    theirs[connection] = theirs.pop(connection)

    def proven(self, connection: Endable) -> None:
        """A connection has shown who it is; another one may be ended for it."""
        if connection not in self._unproven:
            return
        origin = self._unproven.pop(connection)
        if len(self._proven) >= self._max_proven:
            self._end(next(iter(self._proven)))
        self._proven[connection] = origin

    def closed(self, connection: Endable) -> None:
        """A connection is gone."""
        for connections in (self._unproven, self._proven):
            if connection in connections and (origin := connections.pop(connection)) is not None:
                theirs = self._by_origin[origin]
                del theirs[connection]
                if not theirs:
                    del self._by_origin[origin]

    def _end(self, connection: Endable) -> None:
        self._on_dropped()
        self.closed(connection)
        connection.abort()


def origin_of(address: str | None) -> str | None:
    """Which connections count together; None for those that don't: all of a machine's own programs come from one."""
    if address is None:
        return None
    ip = ip_address(address.partition("%")[0])
    return None if ip.is_loopback else str(ip_network((ip, _PREFIX_BITS[ip.version]), strict=False))
