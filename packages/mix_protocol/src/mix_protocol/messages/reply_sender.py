"""What is owed to one anonymous sender, and in which order its SURBs are spent on that."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from mix_protocol.messages.fragment import Fragment, FragmentIdentifier
from mix_protocol.messages.retransmission import NEW_PER_REPEAT
from mix_protocol.messages.surb_store import SurbStore, SurbThresholds


@dataclass(frozen=True, slots=True)
class OutgoingFragment:
    """A fragment that shall travel on one of the sender's SURBs.

    max_retransmissions -- how often to send it again without an acknowledgement; None for no limit
    asks_for_surbs -- whether it is (all of) a SURB request, which may use the reserve
    """

    sender_tag: bytes = field(repr=False)
    fragment: Fragment
    max_retransmissions: int | None
    asks_for_surbs: bool = False

    @property
    def identifier(self) -> FragmentIdentifier:
        return self.fragment.identifier


class ReplySender:
    """One anonymous sender, as seen by the one who replies.

    heard_at -- when its last SURBs came
    requests_unanswered -- how often it was asked again since
    seals_replies -- whether it has sent SURBs that seal replies: all of its packets bear their version then
    is_balanced -- whether each of its SURBs comes home at a time of its own, so that none is kept
    is_retired -- whether nothing is to be said to it any more, unless it speaks again
    replacements_wanted -- how many of its SURBs became suspect by a key rotation and were not asked for anew yet
    """

    def __init__(self, thresholds: SurbThresholds, now: float) -> None:
        self._thresholds = thresholds
        self._queue: deque[OutgoingFragment] = deque()
        self._retransmissions: dict[FragmentIdentifier, OutgoingFragment] = {}
        self._new_since_repeat = NEW_PER_REPEAT
        self.store = SurbStore(thresholds)
        self.heard_at = now
        self.requests_unanswered = 0
        self.replacements_wanted = 0
        self.is_balanced = False
        self.is_retired = False
        self.seals_replies = False

    @property
    def queued(self) -> int:
        """How many fragments wait to be sent, again or for the first time."""
        return len(self._queue) + len(self._retransmissions)

    def enqueue(self, fragments: Iterable[OutgoingFragment]) -> None:
        """Put fragments at the end of the queue."""
        self._queue.extend(fragments)

    def retransmit(self, outgoing: OutgoingFragment) -> None:
        """Send a fragment again, as soon as there is a SURB for it."""
        self._retransmissions[outgoing.identifier] = outgoing

    def call_off(self, identifier: FragmentIdentifier) -> None:
        """Do not send a fragment again: it has been acknowledged."""
        self._retransmissions.pop(identifier, None)

    def drop_queue(self) -> list[OutgoingFragment]:
        """Give up everything that waits; tell what that was."""
        dropped = [*self._retransmissions.values(), *self._queue]
        self._retransmissions.clear()
        self._queue.clear()
        return dropped

    def amount_to_request(self) -> int:
        """Tell how many SURBs to ask for now; 0 also when there is no SURB to ask with."""
        if not len(self.store):
            return 0
        wanted = self.store.amount_to_request(self.queued)
        return wanted or min(self.replacements_wanted, self._thresholds.request_max)

    def note_request(self, amount: int) -> None:
        """Remember that so many SURBs have just been asked for."""
        self.store.requested += amount
        self.replacements_wanted = max(0, self.replacements_wanted - amount)

    def receive_surbs(self, count: int, now: float, *, requested: bool) -> None:
        """Note that `count` SURBs came, on request or with a message."""
        self.heard_at = now
        self.requests_unanswered = 0
        self.is_retired = False
        if requested:
            self.store.requested = max(0, self.store.requested - count)

    def pop_sendable(self) -> OutgoingFragment | None:
        """Give the fragment that a SURB may be spent on now: a retransmission first, then a few new ones."""
        is_new_sendable = bool(self._queue) and self.store.above_reserve
        if not is_new_sendable or self._new_since_repeat >= NEW_PER_REPEAT:
            identifier = self._next_retransmission()
            if identifier is not None:
                self._new_since_repeat = 0
                return self._retransmissions.pop(identifier)
        if not is_new_sendable:
            return None
        self._new_since_repeat += 1
        return self._queue.popleft()

    def pop_any(self) -> OutgoingFragment | None:
        """Give the fragment that goes next if a SURB is at hand: a retransmission first."""
        if self._retransmissions:
            return self._retransmissions.pop(next(iter(self._retransmissions)))
        return self._queue.popleft() if self._queue else None

    def _next_retransmission(self) -> FragmentIdentifier | None:
        # A retransmission may take the first SURB of the reserve, so that the queue cannot starve it.
        available = len(self.store)
        if not available:
            return None
        may_send_data = available >= self._thresholds.reserve
        for identifier, outgoing in self._retransmissions.items():
            if may_send_data or outgoing.asks_for_surbs:
                return identifier
        return None
