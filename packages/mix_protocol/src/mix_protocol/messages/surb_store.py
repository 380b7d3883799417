"""The SURBs that one anonymous sender gave us, and when to ask it for more (Nym spec: reply SURBs, user side)."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from mix_protocol.addressing.key_rotation import KeyRotation
from mix_protocol.messages.reply_surb import ReplySurb

_SEARCHED = 16
"""How many of the oldest SURBs are looked at for one that seals; an opening message brings ten that do not."""


@dataclass(frozen=True, slots=True)
class SurbThresholds:
    """How many SURBs to keep and to ask for; the defaults are the published client's.

    reserve -- SURBs kept back for asking for more
    enough -- with so many in hand or on their way, no more are asked for
    request_min, request_max -- bounds of the number asked for at a time
    capacity -- SURBs kept of one sender; beyond it the oldest go
    """

    reserve: int = 10
    enough: int = 200
    request_min: int = 10
    request_max: int = 50
    capacity: int = 512


class SurbStore:
    """First in, first out; those whose nodes may have changed their keys come last.

    requested -- how many have been asked for and did not come yet
    """

    def __init__(self, thresholds: SurbThresholds) -> None:
        self._thresholds = thresholds
        self._fresh: deque[tuple[float, ReplySurb]] = deque(maxlen=thresholds.capacity)
        self._stale: deque[tuple[float, ReplySurb]] = deque(maxlen=thresholds.capacity)
        self._late = 0  # of the stale ones, how many came last that were stale when they came
        self.requested = 0

    def __len__(self) -> int:
        return len(self._fresh) + len(self._stale)

    @property
    def fresh(self) -> int:
        """How many are not suspected to be stale."""
        return len(self._fresh)

    @property
    def above_reserve(self) -> int:
        """How many ordinary replies may be sent."""
        return max(0, len(self) - self._thresholds.reserve)

    def add(self, surbs: Iterable[ReplySurb], now: float, rotation: KeyRotation | None = None) -> None:
        """Store what the sender gave; stale ones go as soon as fresh ones replace them.

        rotation -- the one in force while the former one's keys still hold. A sender that has not learned of it yet
            gives SURBs for the former one: those are as stale as if they had come before
        """
        for surb in surbs:
            if rotation is None or surb.key_rotation in (rotation, KeyRotation.UNKNOWN):
                self._fresh.append((now, surb))
            else:
                self._stale.append((now, surb))
                self._late += 1
        surplus = len(self._fresh) - self._thresholds.reserve
        for _ in range(min(surplus, len(self._stale))):
            self._stale.popleft()

    def take(self, *, seals: bool = False) -> ReplySurb | None:
        """Give the SURB to use next, and forget it.

        seals -- whether one that seals replies is rather wanted, or one on which an acknowledgement can come back
        """
        source = self._fresh or self._stale
        if not source:
            return None
        # Most senders have one kind only, and data is sent often: no long search for that.
        searched = itertools.islice(source, _SEARCHED if seals else None)
        at = next((at for at, (_, surb) in enumerate(searched) if surb.surb.is_sealing is seals), 0)
        _, surb = source[at]
        del source[at]
        return surb

    def amount_to_request(self, queued: int) -> int:
        """Tell how many to ask for now, when `queued` fragments wait; mostly 0."""
        thresholds = self._thresholds
        # Who gives stale ones would do so again if it were asked at once.
        expected = len(self._fresh) + min(self._late, len(self._stale)) + self.requested
        if expected >= thresholds.enough or expected >= queued + thresholds.reserve:
            return 0
        return min(thresholds.request_max, max(queued, thresholds.request_min))

    def suspect(self, rotation: KeyRotation) -> int:
        """Mark as possibly stale all that were not made for this rotation; tell how many became so."""
        entries = list(self._fresh)
        self._fresh.clear()
        self._late = 0
        for entry in entries:
            is_of_rotation = entry[1].key_rotation is rotation and rotation is not KeyRotation.UNKNOWN
            (self._fresh if is_of_rotation else self._stale).append(entry)
        return len(entries) - len(self._fresh)

    def drop_stale(self) -> int:
        """Forget all that are possibly stale; tell how many."""
        dropped = len(self._stale)
        self._stale.clear()
        self._late = 0
        return dropped

    def drop_received_before(self, moment: float) -> int:
        """Forget all that came before a moment; tell how many."""
        dropped = 0
        for source in (self._fresh, self._stale):
            while source and source[0][0] < moment:
                source.popleft()
                dropped += 1
        return dropped
