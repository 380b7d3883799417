"""Fragments on their way out: waiting, in the channel to the gateway, or sent and not acknowledged yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field

from mix_protocol.addressing import Recipient
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.messages.fragment import Fragment, FragmentIdentifier
from mix_protocol.messages.preparation import PreparedPacket
from mix_protocol.messages.retransmission import NEW_PER_REPEAT, PendingAcks
from mix_tunnel.mixnet.events import MixnetCounters
from mix_tunnel.mixnet.send_queue import SendQueue
from mix_tunnel.mixnet.shipment import Shipment

LOOK_AGAIN_S = 0.1
"""How soon a connection that took nothing is looked at again, if nothing else happens."""


@dataclass(slots=True)
class OutgoingFragment:
    """A fragment and where it goes.

    sender_tag -- the one its message bears
    shipment -- what its message carries, if that is anything that others might repeat
    transmissions -- how often it has been sent
    """

    fragment: Fragment
    recipient: Recipient
    sender_tag: bytes = field(repr=False)
    shipment: Shipment | None = None
    transmissions: int = 0


class Outbox:
    """Chooses which fragment is sent next, and notices what has not arrived.

    random -- chooses between lanes
    max_transmissions -- times a fragment is sent before it is given up
    is_wanted -- whether a fragment that is overdue should be sent again
    counters -- to keep
    """

    def __init__(
        self,
        random: RandomBytes,
        max_transmissions: int,
        is_wanted: Callable[[OutgoingFragment], bool],
        counters: MixnetCounters,
    ) -> None:
        self._max_transmissions = max_transmissions
        self._is_wanted = is_wanted
        self._counters = counters
        self._queue: SendQueue[OutgoingFragment] = SendQueue(random)
        self._repeats: deque[OutgoingFragment] = deque()
        self._returned: deque[OutgoingFragment] = deque()
        self._pending: PendingAcks[OutgoingFragment] = PendingAcks()
        # What was handed to the connection, None for cover: what of it has left, `note_waiting` tells.
        self._channel: deque[PreparedPacket | None] = deque()
        self._looked_at = 0.0
        self._new_since_repeat = 0

    def __len__(self) -> int:
        return len(self._queue) + len(self._returned)

    @property
    def repeats_waiting(self) -> int:
        """How many fragments wait to be sent again; some may be acknowledged before it comes to that."""
        return len(self._repeats)

    def lane_length(self, lane: Hashable) -> int:
        """Give the number of fragments in one lane."""
        return self._queue.lane_length(lane)

    def push(self, lane: Hashable, item: OutgoingFragment, now: float) -> None:
        """Queue a new fragment."""
        self._queue.push(lane, item, now)

    def discard(self, unwanted: Callable[[OutgoingFragment], bool]) -> None:
        """Drop new fragments for which `unwanted` says so."""
        self._queue.discard(unwanted)
        self._returned = deque(item for item in self._returned if not unwanted(item))

    def put_back(self, items: Iterable[OutgoingFragment]) -> None:
        """Take fragments back that were taken and not sent; they are the next."""
        self._returned.extend(items)

    def is_open(self, item: OutgoingFragment) -> bool:
        """Whether a fragment that was taken is still to be sent: not if it has been acknowledged meanwhile."""
        return not item.transmissions or item.fragment.identifier in self._pending

    def next_fragment(self, now: float) -> OutgoingFragment | None:
        """Take the fragment that is to be sent next; `sent`, `give_up` or `put_back` must follow.

        Between the two an acknowledgement may come, which calls a repeat off: ask `is_open`.
        """
        while self._returned:
            item = self._returned.popleft()
            if self.is_open(item):
                return item
        if len(self._queue) and self._new_since_repeat < NEW_PER_REPEAT:
            self._new_since_repeat += 1
            return self._queue.pop(now)
        while self._repeats and self._pending.may_repeat:
            item = self._repeats.popleft()
            if not self._pending.is_still_due(item.fragment.identifier, now):
                continue  # acknowledged while it waited, or the round trip turned out to be longer
            if not self._is_wanted(item):
                self.give_up(item)
                continue
            self._new_since_repeat = 0
            return item
        return self._queue.pop(now)

    def sent(self, prepared: PreparedPacket, item: OutgoingFragment) -> None:
        """Note that a fragment's packet is handed to the connection."""
        item.transmissions += 1
        if item.transmissions == 1:
            self._counters.real_packets_sent += 1
        else:
            self._counters.retransmitted_packets += 1
        self._pending.register(prepared, item, None)
        self._channel.append(prepared)

    def sent_cover(self) -> None:
        """Note that a packet without a fragment is handed to the connection."""
        self._channel.append(None)

    def note_waiting(self, waiting: int, now: float) -> None:
        """Learn how many packets the connection has not taken yet: for all before them, time begins to count now."""
        self._looked_at = now
        while len(self._channel) > waiting:
            prepared = self._channel.popleft()
            if prepared is not None:
                self._pending.left(prepared, now)

    def give_up(self, item: OutgoingFragment) -> None:
        """Do not send a fragment any more."""
        self._pending.forget(item.fragment.identifier)
        if item.shipment is not None:
            item.shipment.fragment_given_up()
        self._counters.fragments_given_up += 1

    def acknowledge(self, identifier: FragmentIdentifier, ack_iv: bytes, now: float) -> OutgoingFragment | None:
        """Take in an acknowledgement; gives the fragment that has arrived, if that was not known before."""
        counters = self._counters
        counters.acks_received += 1
        acknowledged = self._pending.acknowledge(identifier, ack_iv, now)
        sample_s = acknowledged.round_trip_s
        if sample_s is not None:
            known_s = counters.round_trip_s
            counters.round_trip_s = sample_s if known_s is None else known_s + (sample_s - known_s) / 8
        return acknowledged.context

    def next_timeout(self) -> float | None:
        """Tell when a fragment will be overdue, or it is to be seen whether the connection has taken any."""
        overdue_at = self._pending.next_timeout()
        if not self._channel:
            return overdue_at
        look_at = self._looked_at + LOOK_AGAIN_S
        return look_at if overdue_at is None else min(look_at, overdue_at)

    def excuse(self, absent_s: float) -> None:
        """Let so many seconds count for no fragment: there was no connection."""
        self._pending.excuse(absent_s)

    def handle_timeout(self, now: float, late_s: float) -> None:
        """Queue what is overdue to be sent again, as far as it is still wanted.

        late_s -- how much later than it asked the client was woken
        """
        for overdue in self._pending.due(now, late_s):
            item = overdue.context
            if self._is_wanted(item) and overdue.transmissions < self._max_transmissions:
                self._repeats.append(item)
            else:
                self.give_up(item)

    def drop_idle_lanes(self, now: float) -> None:
        """Forget lanes that have been empty for long."""
        self._queue.drop_idle_lanes(now)
