"""Keeps the fragments that were sent and not acknowledged yet, and tells which are overdue.

Each transmission carries its own acknowledgement, with an IV that was drawn for it, and the IV comes back with it. So
it tells which transmission it answers, where TCP would have to guess (Karn's rule): each one is a sample of the round
trip, a late one of the first transmission included.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from mix_protocol.messages.fragment import COVER, FragmentIdentifier
from mix_protocol.messages.preparation import PreparedPacket
from mix_protocol.messages.round_trip import RoundTripEstimator

Context = TypeVar("Context")

DRAWN_DELAY_FACTOR = 1.5
"""Mix nodes hold packets for a little longer than they are asked to."""
LEAST_REPEATS = 4
"""So many fragments may be on their way again in any case; beyond that a quarter of all that wait."""
ORDINARY_LATENESS_S = 0.05
"""A process that is woken later than this did not get to run."""
NEW_PER_REPEAT = 3
"""While new fragments wait, one sending slot in four may go to one that is sent again."""
MAX_REMEMBERED = 4096
"""Transmissions whose acknowledgement will be recognised; the oldest are forgotten."""


@dataclass(frozen=True, slots=True)
class OverdueFragment(Generic[Context]):
    """A fragment whose acknowledgement did not come in time.

    context -- what was registered with it
    transmissions -- how often it has been sent so far
    """

    identifier: FragmentIdentifier
    context: Context
    transmissions: int


@dataclass(frozen=True, slots=True)
class Acknowledged(Generic[Context]):
    """What an acknowledgement says.

    context -- of a fragment that waited for it; None for one that had been acknowledged or forgotten before
    round_trip_s -- of the transmission that it answers, drawn delays included; None if that is not known any more
    """

    context: Context | None
    round_trip_s: float | None


@dataclass(slots=True, eq=False)
class _Pending(Generic[Context]):
    context: Context
    transmissions: int
    timer: int | None = None  # the serial number of the heap entry that counts; None while no timer runs
    is_repeating: bool = False  # on its way again, and not overdue again
    overdue: _Timer | None = None  # the entry that came up last


@dataclass(slots=True, eq=False)
class _Transmission:
    """One packet that carries a fragment. Times are None until it has left."""

    drawn_s: float
    sent_at: float | None = None
    excused_s: float = 0.0


class _Timer(NamedTuple):
    """due -- when it is overdue, without the time-out and what is excused, which are the same for all
    is_deferred -- came up once already, at a moment when its acknowledgement may have waited to be read
    """

    due: float
    serial: int
    identifier: FragmentIdentifier
    sent_at: float
    is_deferred: bool = False


class PendingAcks(Generic[Context]):
    """Fragments that wait for acknowledgement, each with something of the caller's (what is needed to send it again).

    A fragment stays pending until it is acknowledged or forgotten; its timer runs from each `left` until it shows up in
    `due`. So an acknowledgement that comes while a retransmission waits in some queue still calls that off: ask
    `identifier in pending` before sending.

    one_path -- whether all fragments go one way. Then the first that is overdue doubles the time-out for all, unless
        something that was sent later has been acknowledged (so that one is lost, and the path works): when a path
        becomes slow, one repeat asks. Otherwise each fragment's own time-out doubles, so that one peer whose path is
        dead makes nobody else wait

    The time-out is that of `RoundTripEstimator` and 1.5 times the drawn delays. It follows every sample at once, also
    for what is under way.

    Registering, acknowledging and expiring take O(log n): timers are a heap, from which cancelled ones are removed when
    they come up, or together once they outnumber the others.
    """

    def __init__(self, *, one_path: bool = True) -> None:
        self.round_trip = RoundTripEstimator()
        self._one_path = one_path
        self._pending: dict[FragmentIdentifier, _Pending[Context]] = {}
        self._transmissions: OrderedDict[bytes, _Transmission] = OrderedDict()
        self._timers: list[_Timer] = []
        self._cancelled = 0
        self._serial = 0
        self._repeats = 0
        self._excused_s = 0.0
        self._latest_acknowledged = float("-inf")
        self._backed_off_at = float("-inf")

    def __len__(self) -> int:
        return len(self._pending)

    def __contains__(self, identifier: FragmentIdentifier) -> bool:
        return identifier in self._pending

    @property
    def may_repeat(self) -> bool:
        """Whether one more fragment may be sent again, in view of those that are on their way again already."""
        if self._one_path and self.round_trip.srtt_s is None:
            return self._repeats < 1  # it may be that nothing is lost, and all is on its way
        return self._repeats < max(LEAST_REPEATS, len(self._pending) // 4)

    def register(self, prepared: PreparedPacket, context: Context, now: float | None) -> None:
        """Note a packet that is being sent; again for a retransmission. Cover is never waited for.

        now -- None if it still waits on this side; its timer starts with `left`
        """
        identifier = prepared.fragment
        if identifier == COVER:
            return
        pending = self._pending.get(identifier)
        if pending is None:
            self._pending[identifier] = _Pending(context, 1)
        else:
            self._stop(pending)
            pending.context = context
            pending.transmissions += 1
            pending.is_repeating = True
            self._repeats += 1
        self._transmissions[prepared.ack_iv] = _Transmission(prepared.round_trip_s)
        if len(self._transmissions) > MAX_REMEMBERED:
            self._transmissions.popitem(last=False)
        if now is not None:
            self.left(prepared, now)

    def left(self, prepared: PreparedPacket, now: float) -> None:
        """Start the timer of a registered packet: it has left."""
        transmission = self._transmissions.get(prepared.ack_iv)
        if transmission is not None:
            transmission.sent_at, transmission.excused_s = now, self._excused_s
        pending = self._pending.get(prepared.fragment)
        if pending is None:
            return
        self._cancel_timer(pending)
        self._serial += 1
        pending.timer = self._serial
        due = now + DRAWN_DELAY_FACTOR * prepared.round_trip_s - self._excused_s
        if not self._one_path:
            due += self.round_trip.backed_off_s(pending.transmissions - 1) - self.round_trip.timeout_s
        heapq.heappush(self._timers, _Timer(due, self._serial, prepared.fragment, now))

    def acknowledge(self, identifier: FragmentIdentifier, ack_iv: bytes, now: float) -> Acknowledged[Context]:
        """Stop waiting for a fragment, and learn from the acknowledgement how long the round trip is."""
        round_trip_s = None
        transmission = self._transmissions.pop(ack_iv, None)
        if transmission is not None and (sent_at := transmission.sent_at) is not None:
            round_trip_s = now - sent_at
            excused_s = self._excused_s - transmission.excused_s
            self.round_trip.sample(round_trip_s - transmission.drawn_s - excused_s, len(self._pending))
            self._latest_acknowledged = max(self._latest_acknowledged, sent_at)
        pending = self._pending.pop(identifier, None)
        if pending is None:
            return Acknowledged(None, round_trip_s)
        self._stop(pending)
        return Acknowledged(pending.context, round_trip_s)

    def forget(self, identifier: FragmentIdentifier) -> None:
        """Stop waiting for a fragment that will not be sent again."""
        pending = self._pending.pop(identifier, None)
        if pending is not None:
            self._stop(pending)

    def transmissions(self, identifier: FragmentIdentifier) -> int:
        """Tell how often a pending fragment has been sent; 0 for one that is not pending."""
        pending = self._pending.get(identifier)
        return pending.transmissions if pending is not None else 0

    def next_timeout(self) -> float | None:
        """Tell when the next fragment will be overdue."""
        while self._timers and not self._counts(self._timers[0]):
            heapq.heappop(self._timers)
            self._cancelled -= 1
        return self._deadline(self._timers[0]) if self._timers else None

    def excuse(self, absent_s: float) -> None:
        """Let so many seconds not count: nobody could have taken an acknowledgement in them."""
        self._excused_s += absent_s

    def due(self, now: float, late_s: float = 0.0) -> list[OverdueFragment[Context]]:
        """Give the fragments that are overdue, earliest first; each again only after it was registered again.

        late_s -- how much later than it asked the caller was woken. A process that does not get to run does not read
            acknowledgements either: that time does not count, and what is overdue now gets as long again, once
        """
        overdue = []
        is_late = late_s > ORDINARY_LATENESS_S
        if is_late:
            self.excuse(late_s)
        while (deadline := self.next_timeout()) is not None and deadline <= now:
            timer = heapq.heappop(self._timers)
            if is_late and not timer.is_deferred:
                until = now + min(late_s, self.round_trip.timeout_s)
                heapq.heappush(self._timers, timer._replace(due=timer.due + until - deadline, is_deferred=True))
                continue
            pending = self._pending[timer.identifier]
            pending.timer, pending.overdue = None, timer
            self._stop(pending)
            overdue.append(OverdueFragment(timer.identifier, pending.context, pending.transmissions))
            is_overtaken = timer.sent_at <= self._latest_acknowledged
            if self._one_path and not is_overtaken and timer.sent_at >= self._backed_off_at:
                self.round_trip.back_off()
                self._backed_off_at = now
        return overdue

    def is_still_due(self, identifier: FragmentIdentifier, now: float) -> bool:
        """Whether a fragment that was overdue still is, by what has been learned since; if not, its timer runs on."""
        pending = self._pending.get(identifier)
        if pending is None or pending.overdue is None:
            return False
        if pending.overdue.due + self._excused_s + self.round_trip.backed_off_s(0) <= now:
            return True
        self._serial += 1
        pending.timer = self._serial
        heapq.heappush(self._timers, pending.overdue._replace(serial=self._serial))
        pending.overdue = None
        return False

    def _deadline(self, timer: _Timer) -> float:
        return timer.due + self._excused_s + self.round_trip.timeout_s

    def _counts(self, timer: _Timer) -> bool:
        pending = self._pending.get(timer.identifier)
        return pending is not None and pending.timer == timer.serial

    def _stop(self, pending: _Pending[Context]) -> None:
        if pending.is_repeating:
            pending.is_repeating = False
            self._repeats -= 1
        self._cancel_timer(pending)

    def _cancel_timer(self, pending: _Pending[Context]) -> None:
        if pending.timer is None:
            return
        pending.timer = None
        self._cancelled += 1
        if self._cancelled > 64 and 2 * self._cancelled > len(self._timers):
            self._timers = [timer for timer in self._timers if self._counts(timer)]
            heapq.heapify(self._timers)
            self._cancelled = 0
