"""What the maker of reply SURBs remembers: their keys, to decrypt the replies that will come on them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

_GENERATIONS = 24


@dataclass(slots=True)
class _Generation:
    started_at: float
    keys: dict[bytes, bytes] = field(default_factory=dict, repr=False)


class SurbKeys:
    """Keys by their digest: each can be taken once, ages out after a day, and their number is bounded.

    Keys of about an hour form a generation that is forgotten as a whole, so that forgetting costs nothing. A key
    lives for at least `age_s`, and at most 1/24 longer. Beyond `capacity` the oldest generation goes early.
    """

    def __init__(self, *, age_s: float = 24 * 3600.0, capacity: int = 131_072) -> None:
        self._age_s = age_s
        self._generation_s = age_s / _GENERATIONS
        self._generation_keys = max(1, capacity // _GENERATIONS)
        self._generations: deque[_Generation] = deque()

    def __len__(self) -> int:
        return sum(len(generation.keys) for generation in self._generations)

    def remember(self, digest: bytes, key: bytes, now: float) -> None:
        """Keep the 16-byte key of a SURB that has been sent away, under its 32-byte digest.

        For a SURB that seals replies it is all that opens them, under its 16-byte identifier.
        """
        newest = self._generations[-1] if self._generations else None
        if newest is None or now - newest.started_at >= self._generation_s or len(newest.keys) >= self._generation_keys:
            newest = _Generation(now)
            self._generations.append(newest)
            if len(self._generations) > _GENERATIONS + 1:
                self._generations.popleft()
        newest.keys[digest] = key

    def get(self, digest: bytes) -> bytes | None:
        """Give the key; None if there is none."""
        for generation in reversed(self._generations):
            key = generation.keys.get(digest)
            if key is not None:
                return key
        return None

    def take(self, digest: bytes) -> bytes | None:
        """Give the key and forget it; None if there is none."""
        # Replies mostly come on recent SURBs, so the newest generation is asked first.
        for generation in reversed(self._generations):
            key = generation.keys.pop(digest, None)
            if key is not None:
                return key
        return None

    def next_timeout(self) -> float | None:
        """Tell when the oldest generation will have aged out."""
        if not self._generations:
            return None
        return self._generations[0].started_at + self._generation_s + self._age_s

    def handle_timeout(self, now: float) -> None:
        """Forget what has aged out."""
        while (timeout := self.next_timeout()) is not None and timeout <= now:
            self._generations.popleft()
