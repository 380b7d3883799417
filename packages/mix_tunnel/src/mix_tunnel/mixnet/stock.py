"""What is built ahead of its time, so that a packet leaves at its random moment and not when it is finished.

A packet takes a millisecond or more to build, a reply SURB nearly as long. Were they built when they are due, the
moment of a packet would tell how much there was to do just before, and so whether its sender was busy. Instead they
are built in the time between, a few at once where that costs less, and sending takes one from here.

Everything here was made for one picture of the network and one entry gateway; `clear` it when either changes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from mix_protocol.messages.preparation import MessagePreparer, PreparedPacket
from mix_protocol.messages.reply_surb import ReplySurb

Item = TypeVar("Item")
Made = TypeVar("Made")

COVER_PACKETS = 8
"""Cover packets kept ready: what leaves in some 150 ms, as long as other work may hold building up."""
SEALED_PACKETS = 4
"""Packets with data kept ready; more could no longer be called off by an acknowledgement that comes late."""
REPLY_SURBS = 8
"""Reply SURBs kept ready; a message to the exit takes two or three."""
MAX_AGE_S = 60.0
"""Nothing older is sent; only a machine that slept has it."""


class PacketStock(Generic[Item]):
    """Cover, pulls (which take the place of cover where each packet is to bring an answer), sealed fragments (each with
    the item that it was sealed for) and reply SURBs, oldest first."""

    def __init__(self, preparer: MessagePreparer) -> None:
        self._preparer = preparer
        self._covers: deque[tuple[float, PreparedPacket]] = deque()
        self._pulls: deque[tuple[float, PreparedPacket]] = deque()
        self._surbs: deque[tuple[float, ReplySurb]] = deque()
        self._sealed: deque[tuple[PreparedPacket, Item]] = deque()
        self.surbs_seal = False
        """Whether the SURBs are of the kind that seals replies; `clear` the stock when that changes."""

    @property
    def sealed(self) -> int:
        """How many sealed fragments there are."""
        return len(self._sealed)

    @property
    def has_cover(self) -> bool:
        """Whether a cover packet can be had at once."""
        return bool(self._covers)

    @property
    def batch(self) -> int:
        """How many of a kind are built at a time."""
        return self._preparer.batch

    def build_covers(self, now: float) -> bool:
        """Add some cover packets; False if there are enough."""
        if len(self._covers) + self.batch > COVER_PACKETS:
            return False
        self._covers += ((now, cover) for cover in self._preparer.prepare_covers(self.batch))
        return True

    @property
    def has_pull(self) -> bool:
        """Whether a pull can be had at once."""
        return bool(self._pulls)

    @property
    def wants_pulls(self) -> bool:
        """Whether there are so few pulls that some more should be built."""
        return len(self._pulls) + self.batch <= COVER_PACKETS

    def add_pulls(self, pulls: Iterable[PreparedPacket], now: float) -> None:
        """Keep pulls until their moments."""
        self._pulls += ((now, pull) for pull in pulls)

    def take_pull(self, now: float) -> PreparedPacket | None:
        """Give the oldest pull; None if there is none."""
        return _take(self._pulls, now)

    def clear_pulls(self) -> None:
        """Throw the pulls away."""
        self._pulls.clear()

    def build_surbs(self, now: float) -> bool:
        """Add some reply SURBs; False if there are enough."""
        if len(self._surbs) + self.batch > REPLY_SURBS:
            return False
        self._surbs += ((now, surb) for surb in self._preparer.make_reply_surbs(self.batch, seals=self.surbs_seal))
        return True

    def add_sealed(self, prepared: PreparedPacket, item: Item) -> None:
        """Keep a fragment's packet until its moment."""
        self._sealed.append((prepared, item))

    def take_cover(self, now: float) -> PreparedPacket:
        """Give a cover packet, built now if there is none."""
        return _take(self._covers, now) or self._preparer.prepare_cover()

    def take_surbs(self, count: int, now: float) -> list[ReplySurb]:
        """Give reply SURBs; those that there are not are built now, together."""
        surbs: list[ReplySurb] = []
        while len(surbs) < count and (surb := _take(self._surbs, now)) is not None:
            surbs.append(surb)
        if len(surbs) < count:
            surbs += self._preparer.make_reply_surbs(count - len(surbs), seals=self.surbs_seal)
        return surbs

    def take_sealed(self) -> tuple[PreparedPacket, Item] | None:
        """Give the oldest sealed fragment; None if there is none."""
        return self._sealed.popleft() if self._sealed else None

    def discard(self, unwanted: Callable[[Item], bool]) -> None:
        """Drop the sealed fragments for whose items `unwanted` says so."""
        self._sealed = deque(entry for entry in self._sealed if not unwanted(entry[1]))

    def clear(self) -> list[Item]:
        """Throw everything away; gives the items of the sealed fragments, which are to be sealed anew."""
        items = [item for _, item in self._sealed]
        self._covers.clear()
        self._pulls.clear()
        self._surbs.clear()
        self._sealed.clear()
        return items


def _take(made: deque[tuple[float, Made]], now: float) -> Made | None:
    while made:
        made_at, oldest = made.popleft()
        if now - made_at <= MAX_AGE_S:
            return oldest
    return None
