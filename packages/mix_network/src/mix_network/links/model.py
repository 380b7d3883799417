"""One direction of a link as a machine without clock and randomness: what comes in comes out later, slower or never."""

from __future__ import annotations

from collections import deque
from collections.abc import Sized
from enum import Enum
from typing import Generic, TypeVar

from mix_network.links.profile import PERFECT, LinkProfile
from mix_protocol.crypto.randomness import RandomBytes, uniform

Item = TypeVar("Item", bound=Sized)

QUEUE_S = 1.0
QUEUE_BYTES = 64 * 1024
"""What may wait in front of a link with a rate: so many seconds of it, and never less than these bytes."""
MAX_HELD_BYTES = 16 << 20
"""What may be on its way at one time."""
_FIRST_REPEAT_S = 0.2
_MOST_REPEATS = 5


class Loss(Enum):
    """What becomes of a packet that is lost."""

    DROPPED = "dropped"
    """It is gone: a node drops packets under load, and whoever sent it finds out."""
    REPEATED = "repeated"
    """TCP sends it again, so it comes late, and all that is behind it waits. The first repeat comes after a round trip
    and at least 200 ms, as Linux's does, and each further one after twice the time."""


class LinkModel(Generic[Item]):
    """Takes items with their sizes and gives them back in the same order, each at its time.

    In the order of things: jitter (and repeats, where loss means that), the queue in front of the rate, the delay. So
    no two items come closer to each other than the rate allows.
    """

    def __init__(self, random: RandomBytes, loss: Loss, profile: LinkProfile = PERFECT) -> None:
        self._random = random
        self._loss = loss
        self._profile = profile
        self._held: deque[tuple[float, Item]] = deque()
        self._held_bytes = 0
        self._entered = self._passed = self._latest = float("-inf")

    def change(self, profile: LinkProfile) -> None:
        """From now on the link is another one; what is on its way already arrives as it would have."""
        self._profile = profile

    def __len__(self) -> int:
        return len(self._held)

    @property
    def is_clear(self) -> bool:
        """Whether an item that sets out now has arrived already: `put` and `take` need not be asked."""
        return self._profile is PERFECT and not self._held

    def put(self, item: Item, now: float) -> str | None:
        """An item sets out. None if it will arrive, or why it was dropped: `link_loss` or `link_queue_full`.

        Where loss means a repeat nothing is dropped; whoever sends waits until `room_at`.
        """
        profile = self._profile
        size_bytes = len(item)
        late_s = uniform(self._random) * profile.jitter_s if profile.jitter_s else 0.0
        if self._loss is Loss.REPEATED:
            late_s += self._repeats_s()
        elif self._is_lost():
            return "link_loss"
        # Before an item passes the link's narrow place, all that came before it has passed.
        entered = max(now + late_s, self._entered)
        passed = max(entered, self._passed)
        if self._loss is Loss.DROPPED and (
            passed - entered > self._queue_s() or self._held_bytes + size_bytes > MAX_HELD_BYTES
        ):
            return "link_queue_full"
        if profile.rate_bit_s is not None:
            passed += 8 * size_bytes / profile.rate_bit_s
        self._entered, self._passed = entered, passed
        self._latest = max(self._latest, passed + profile.delay_s)
        self._held.append((self._latest, item))
        self._held_bytes += size_bytes
        return None

    def room_at(self, now: float) -> float:
        """When there is room for more; in the past if there is some now. Only where nothing is dropped."""
        if self._held_bytes > MAX_HELD_BYTES:
            return max(now, self._held[0][0])
        return self._passed - self._queue_s()

    def take(self, now: float) -> list[Item]:
        """Everything that has arrived by now."""
        items = []
        while self._held and self._held[0][0] <= now:
            _, item = self._held.popleft()
            self._held_bytes -= len(item)
            items.append(item)
        return items

    def next_timeout(self) -> float | None:
        """When the next item arrives; None if nothing is on its way."""
        return self._held[0][0] if self._held else None

    def _queue_s(self) -> float:
        rate = self._profile.rate_bit_s
        return QUEUE_S if rate is None else max(QUEUE_S, 8 * QUEUE_BYTES / rate)

    def _is_lost(self) -> bool:
        return self._profile.loss > 0 and uniform(self._random) < self._profile.loss

    def _repeats_s(self) -> float:
        """How much later an item comes because of repeats."""
        late_s = 0.0
        next_s = max(_FIRST_REPEAT_S, 2 * self._profile.delay_s)
        for _ in range(_MOST_REPEATS):
            if not self._is_lost():
                break
            late_s += next_s
            next_s *= 2
        return late_s
