"""A bounded cache of DNS answers by their TTL, negative ones too (RFC 2308). The clock is an argument."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from .answers import Answer
from .errors import NameNotFound

Key = tuple[str, str | None]
"""Name and type; no type for a name that does not exist at all."""

_ENTRY_BYTES = 256
"""What an entry takes beside its records, roughly."""


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """An answer, who gave it, and from when until when it holds."""

    answer: Answer
    server: str
    transport: str
    stored_at: float
    expires_at: float

    def age_s(self, now: float) -> int:
        """Whole seconds since it was stored, rounded up so that no TTL is told too high."""
        return -int(-(now - self.stored_at) // 1)


class DnsCache:
    """Keeps at most `capacity` answers and about `capacity_bytes`; the one used longest ago leaves first."""

    def __init__(self, capacity: int = 1024, capacity_bytes: int = 4_194_304) -> None:
        self._capacity = capacity
        self._capacity_bytes = capacity_bytes
        self._size_bytes = 0
        self._answers: OrderedDict[Key, CachedAnswer] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, name: str, type: str, now: float) -> CachedAnswer | None:
        """The answer to a question that is still valid at `now`."""
        for key in ((name, type), (name, None)):
            kept = self._answers.get(key)
            if kept is None:
                continue
            if kept.expires_at > now:
                self._answers.move_to_end(key)
                return kept
            self._remove(key)
        return None

    def put(self, name: str, type: str, answer: Answer, server: str, transport: str, now: float) -> None:
        """Keep an answer for its TTL; one with TTL 0 is not kept.

        That a name does not exist holds for all types, unless it is only what an alias leads to (RFC 2308 section 5).
        """
        missing = answer.error is NameNotFound and not answer.aliases
        key = (name, None if missing else type)
        self._remove(key)
        if answer.ttl_s <= 0:
            return
        self._answers[key] = CachedAnswer(answer, server, transport, now, now + answer.ttl_s)
        self._size_bytes += answer.size_bytes + _ENTRY_BYTES
        while len(self._answers) > self._capacity or self._size_bytes > self._capacity_bytes:
            self._remove(next(iter(self._answers)))

    def clear(self) -> None:
        """Forget everything."""
        self._answers.clear()
        self._size_bytes = 0

    def _remove(self, key: Key) -> None:
        kept = self._answers.pop(key, None)
        if kept is not None:
            self._size_bytes -= kept.answer.size_bytes + _ENTRY_BYTES
