"""A bounded cache of DNS answers by their TTL. The clock is an argument."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv4Address

from mix_protocol.errors import MixError


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """Addresses, or the class of the error that stands for "there are none"."""

    addresses: tuple[IPv4Address, ...]
    error: type[MixError] | None
    expires_at: float


class DnsCache:
    """Keeps at most `capacity` answers; the one used longest ago leaves first."""

    def __init__(self, capacity: int = 1024, max_ttl_s: int = 86_400) -> None:
        self._capacity = capacity
        self._max_ttl_s = max_ttl_s
        self._answers: OrderedDict[str, CachedAnswer] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, name: str, now: float) -> CachedAnswer | None:
        """The answer for a name that is still valid at `now`."""
        answer = self._answers.get(name)
        if answer is None:
            return None
        if answer.expires_at <= now:
            del self._answers[name]
            return None
        self._answers.move_to_end(name)
        return answer

    def put(
        self, name: str, addresses: tuple[IPv4Address, ...], error: type[MixError] | None, ttl_s: int, now: float
    ) -> None:
        """Keep an answer for its TTL (at most a day); one with TTL 0 is not kept."""
        if ttl_s <= 0:
            return
        self._answers[name] = CachedAnswer(addresses, error, now + min(ttl_s, self._max_ttl_s))
        self._answers.move_to_end(name)
        while len(self._answers) > self._capacity:
            self._answers.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._answers.clear()
