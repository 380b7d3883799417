"""Keeps the fragments that were sent and not acknowledged yet, and tells which are overdue."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Generic, TypeVar

from mix_protocol.messages.fragment import COVER, FragmentIdentifier
from mix_protocol.messages.preparation import PreparedPacket

Context = TypeVar("Context")

ACK_WAIT_FACTOR = 1.5
ACK_WAIT_ADDITION_S = 1.5


@dataclass(frozen=True, slots=True)
class OverdueFragment(Generic[Context]):
    """A fragment whose acknowledgement did not come in time.

    context -- what was registered with it
    transmissions -- how often it has been sent so far
    """

    identifier: FragmentIdentifier
    context: Context
    transmissions: int


@dataclass(slots=True, eq=False)
class _Pending(Generic[Context]):
    context: Context
    transmissions: int
    timer: int | None  # the serial number of the heap entry that counts; None while no timer runs


class PendingAcks(Generic[Context]):
    """Fragments that wait for acknowledgement, each with something of the caller's (what is needed to send it again).

    A fragment stays pending until it is acknowledged or forgotten; its timer runs from each `register` until it shows
    up in `due`. So an acknowledgement that comes while a retransmission waits in some queue still calls that off: ask
    `identifier in pending` before sending.

    Registering, acknowledging and expiring take O(log n): timers are a heap, from which cancelled ones are removed when
    they come up, or together once they outnumber the others.
    """

    def __init__(self, *, wait_factor: float = ACK_WAIT_FACTOR, wait_addition_s: float = ACK_WAIT_ADDITION_S) -> None:
        self._wait_factor = wait_factor
        self._wait_addition_s = wait_addition_s
        self._pending: dict[FragmentIdentifier, _Pending[Context]] = {}
        self._timers: list[tuple[float, int, FragmentIdentifier]] = []
        self._cancelled = 0
        self._serial = 0

    def __len__(self) -> int:
        return len(self._pending)

    def __contains__(self, identifier: FragmentIdentifier) -> bool:
        return identifier in self._pending

    def register(self, prepared: PreparedPacket, context: Context, now: float) -> None:
        """Start the timer of a packet that is being sent; again for a retransmission. Cover is never waited for."""
        identifier = prepared.fragment
        if identifier == COVER:
            return
        self._serial += 1
        pending = self._pending.get(identifier)
        if pending is None:
            self._pending[identifier] = _Pending(context, 1, self._serial)
        else:
            self._cancel(pending)
            pending.context = context
            pending.transmissions += 1
            pending.timer = self._serial
        deadline = now + prepared.round_trip_s * self._wait_factor + self._wait_addition_s
        heapq.heappush(self._timers, (deadline, self._serial, identifier))

    def acknowledge(self, identifier: FragmentIdentifier) -> Context | None:
        """Stop waiting for a fragment; give its context, or None if it was not pending."""
        pending = self._pending.pop(identifier, None)
        if pending is None:
            return None
        self._cancel(pending)
        return pending.context

    def forget(self, identifier: FragmentIdentifier) -> None:
        """Stop waiting for a fragment that will not be sent again."""
        self.acknowledge(identifier)

    def transmissions(self, identifier: FragmentIdentifier) -> int:
        """Tell how often a pending fragment has been sent; 0 for one that is not pending."""
        pending = self._pending.get(identifier)
        return pending.transmissions if pending is not None else 0

    def next_timeout(self) -> float | None:
        """Tell when the next fragment will be overdue."""
        while self._timers and not self._counts(*self._timers[0][1:]):
            heapq.heappop(self._timers)
            self._cancelled -= 1
        return self._timers[0][0] if self._timers else None

    def due(self, now: float) -> list[OverdueFragment[Context]]:
        """Give the fragments that are overdue, earliest first; each again only after it was registered again."""
        overdue = []
        while (deadline := self.next_timeout()) is not None and deadline <= now:
            _, _, identifier = heapq.heappop(self._timers)
            pending = self._pending[identifier]
            pending.timer = None
            overdue.append(OverdueFragment(identifier, pending.context, pending.transmissions))
        return overdue

    def _counts(self, serial: int, identifier: FragmentIdentifier) -> bool:
        pending = self._pending.get(identifier)
        return pending is not None and pending.timer == serial

    def _cancel(self, pending: _Pending[Context]) -> None:
        if pending.timer is None:
            return
        pending.timer = None
        self._cancelled += 1
        if self._cancelled > 64 and 2 * self._cancelled > len(self._timers):
            self._timers = [timer for timer in self._timers if self._counts(*timer[1:])]
            heapq.heapify(self._timers)
            self._cancelled = 0
