"""Keeps payloads for clients that are away. No clock of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from mix_network.shares import Shares

DAY_S = 24 * 3600.0


class InboxJournal(Protocol):
    """Where payloads are written, so that they outlive the process."""

    def add(self, identity: bytes, payload: bytes) -> int:
        """Keep a payload; gives the number by which it is removed."""
        ...

    def remove(self, numbers: Collection[int]) -> None:
        """Forget payloads."""
        ...


class _NoJournal:
    def add(self, identity: bytes, payload: bytes) -> int:
        return 0

    def remove(self, numbers: Collection[int]) -> None:
        pass


@dataclass
class _Box:
    identity: bytes
    payloads: deque[tuple[float, bytes, int]] = field(default_factory=deque)
    """When each was stored, what it is, and its number in the journal."""
    size_bytes: int = 0
    handed_out: int = 0
    """How many of the oldest are on their way to the client."""


@dataclass(frozen=True, kw_only=True)
class InboxLimits:
    """How much is kept, for all clients together and for one, and for how many seconds."""

    max_bytes: int = 64 << 20
    max_client_bytes: int = 4 << 20
    max_client_payloads: int = 2000
    max_age_s: float = DAY_S


class Inbox:
    """Payloads by client, within `limits`.

    Beyond what one client's box may hold its oldest payloads make room, for the newest are those that somebody may
    still be waiting for. When the whole inbox is full, the oldest payloads of the client with the largest box make
    room, so that a flood for one client pushes out nothing but itself.

    journal -- where they are written; None keeps them in memory alone
    """

    def __init__(self, limits: InboxLimits | None = None, *, journal: InboxJournal | None = None) -> None:
        self._journal = _NoJournal() if journal is None else journal
        self._limits = limits or InboxLimits()
        self._max_client_bytes = min(self._limits.max_client_bytes, self._limits.max_bytes)
        self._boxes: dict[bytes, _Box] = {}
        self._size_bytes = 0
        self._shares: Shares[bytes] = Shares()

    @property
    def size_bytes(self) -> int:
        """Bytes kept for all clients together."""
        return self._size_bytes

    def __contains__(self, identity: bytes) -> bool:
        return identity in self._boxes

    def store(self, identity: bytes, payload: bytes, now: float) -> bool:
        """Keep `payload` for the client; False when there is no room for it."""
        box = self._room_for(identity, len(payload), now)
        if box is None:
            return False
        box.payloads.append((now, payload, self._journal.add(identity, payload)))
        self._change(box, len(payload))
        return True

    def restore(self, identity: bytes, payload: bytes, stored_at: float, number: int, now: float) -> None:
        """Take back what the journal has kept from a former run, oldest first, as far as it still is to be kept."""
        box = self._room_for(identity, len(payload), now) if now - stored_at <= self._limits.max_age_s else None
        if box is None:
            self._journal.remove([number])
            return
        box.payloads.append((stored_at, payload, number))
        self._change(box, len(payload))

    def take(self, identity: bytes, now: float) -> list[bytes]:
        """Remove and return what waits for the client, oldest first."""
        payloads: list[bytes] = []

        def accept(payload: bytes) -> bool:
            payloads.append(payload)
            return True

        self.hand_out(identity, now, accept)
        self.settle(identity)
        return payloads

    def hand_out(self, identity: bytes, now: float, accept: Callable[[bytes], bool]) -> int:
        """Offer what waits for the client, oldest first, until one is not accepted; gives how many were.

        They are kept until it is certain that they have left: `settle`. Whatever was handed out before and is not
        settled is offered again.
        """
        box = self._boxes.get(identity)
        if box is None:
            return 0
        self._expire_box(box, now)
        box.handed_out = 0
        for _, payload, _ in list(box.payloads):
            if not accept(payload):
                break
            box.handed_out += 1
        accepted = box.handed_out
        self._drop_empty(box)
        return accepted

    def settle(self, identity: bytes) -> None:
        """What was handed out has arrived and is forgotten."""
        box = self._boxes.get(identity)
        if box is None:
            return
        self._journal.remove([number for _, _, number in islice(box.payloads, box.handed_out)])
        while box.handed_out:
            _, payload, _ = box.payloads.popleft()
            box.handed_out -= 1
            self._change(box, -len(payload))
        self._drop_empty(box)

    def expire(self, now: float) -> None:
        """Forget what is older than `max_age_s`; to be called from time to time."""
        for box in list(self._boxes.values()):
            self._expire_box(box, now)
            self._drop_empty(box)

    def _room_for(self, identity: bytes, length: int, now: float) -> _Box | None:
        """The client's box, with room for so many bytes more; None if they can't be kept."""
        if length > self._max_client_bytes:
            return None
        box = self._boxes.get(identity)
        if box is not None:
            self._expire_box(box, now)
        else:
            box = self._boxes[identity] = _Box(identity)
        while box.payloads and (
            box.size_bytes + length > self._max_client_bytes or len(box.payloads) >= self._limits.max_client_payloads
        ):
            self._remove_oldest(box)
        if self._make_room(box, length):
            return box
        self._drop_empty(box)
        return None

    def _drop_empty(self, box: _Box) -> None:
        if not box.payloads:
            self._boxes.pop(box.identity, None)

    def _expire_box(self, box: _Box, now: float) -> None:
        oldest = now - self._limits.max_age_s
        while box.payloads and box.payloads[0][0] < oldest:
            self._remove_oldest(box)

    def _remove_oldest(self, box: _Box) -> None:
        _, payload, number = box.payloads.popleft()
        box.handed_out = max(0, box.handed_out - 1)
        self._journal.remove([number])
        self._change(box, -len(payload))

    def _make_room(self, box: _Box, length: int) -> bool:
        """Let the greediest give; False if that is the one who wants more, and it has nothing older."""
        while self._size_bytes + length > self._limits.max_bytes:
            greediest = self._shares.greediest()
            giver = self._boxes[greediest] if greediest is not None else box
            if giver.size_bytes <= box.size_bytes:
                giver = box
            if not giver.payloads:
                return False
            self._remove_oldest(giver)
            if giver is not box:
                self._drop_empty(giver)
        return True

    def _change(self, box: _Box, by: int) -> None:
        box.size_bytes += by
        self._size_bytes += by
        self._shares.change(box.identity, by)
