"""Puts fragments back together, within bounds that a hostile sender cannot move."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.messages.fragment import Fragment, remove_padding


class InconsistentFragment(PeerMisbehaved):
    """A fragment that contradicts what other fragments of its set or of a linked set said."""

    code = "messages.inconsistent_fragment"
    message = "a message fragment contradicts the others of its set"


@dataclass(frozen=True, slots=True)
class ReassemblyLimits:
    """What a reassembler may hold at most; when it would be more, the set idle for longest goes.

    sets -- sets of which something is missing, or that wait for a linked set
    payload_bytes -- of all fragments in these sets
    message_bytes -- of one message, its padding included; a longer one is given up when it is complete
    completed_sets -- ids remembered so that late duplicates are known as such
    idle_s -- seconds after which a set to which nothing came is given up
    """

    sets: int = 1024
    payload_bytes: int = 64 * 1024 * 1024
    message_bytes: int = 4 * 1024 * 1024
    completed_sets: int = 16_384
    idle_s: float = 30 * 60.0


_BEFORE, _AFTER = 0, 1


@dataclass(slots=True)
class _FragmentSet:
    payloads: list[bytes | None] = field(repr=False)
    missing: int
    touched_at: float
    links: list[int | None] = field(default_factory=lambda: [None, None])  # the sets before and after this one
    payload_bytes: int = 0


class Reassembler:
    """Collects fragments and gives each message once, as soon as its last fragment is there.

    duplicates -- fragments that came again and were ignored
    abandoned_sets -- incomplete sets given up: idle for too long, too many of them, or in contradiction
    """

    def __init__(self, limits: ReassemblyLimits | None = None) -> None:
        self._limits = limits or ReassemblyLimits()
        self._sets: OrderedDict[int, _FragmentSet] = OrderedDict()  # the longest idle one first
        self._completed: OrderedDict[int, None] = OrderedDict()
        self._payload_bytes = 0
        self.duplicates = 0
        self.abandoned_sets = 0

    @property
    def incomplete_sets(self) -> int:
        """How many sets are held."""
        return len(self._sets)

    @property
    def payload_bytes(self) -> int:
        """How many payload bytes are held."""
        return self._payload_bytes

    def receive(self, fragment: Fragment, now: float) -> bytes | None:
        """Give the message that this fragment completes, without its padding, or None.

        Raises `InconsistentFragment` when it does not fit to the others, `MalformedPadding` when the completed message
        has no end, `MalformedMessage` when it is too long; its sets count as completed then, too.
        """
        set_id = fragment.set_id
        if set_id in self._completed:
            self.duplicates += 1
            return None
        if fragment.total == 1 and fragment.previous_set is None:
            self._complete(set_id)
            return remove_padding(fragment.payload)
        if not self._insert(fragment, now):
            return None
        chain = self._complete_chain(set_id, now)
        if not chain:
            return None
        return remove_padding(self._take_chain(chain))

    def next_timeout(self) -> float | None:
        """Tell when the longest idle set will be given up."""
        if not self._sets:
            return None
        return next(iter(self._sets.values())).touched_at + self._limits.idle_s

    def handle_timeout(self, now: float) -> None:
        """Give up the sets to which nothing has come for too long."""
        while self._sets:
            set_id, oldest = next(iter(self._sets.items()))
            if oldest.touched_at + self._limits.idle_s > now:
                return
            self._abandon(set_id)

    def _insert(self, fragment: Fragment, now: float) -> bool:
        """Store a fragment; tell whether its set has all of them now."""
        held = self._sets.get(fragment.set_id)
        if held is None:
            held = _FragmentSet([None] * fragment.total, fragment.total, now)
            self._sets[fragment.set_id] = held
        elif len(held.payloads) != fragment.total:
            raise InconsistentFragment("a fragment gives its set another length", total=fragment.total)
        elif held.payloads[fragment.position - 1] is not None:
            self.duplicates += 1
            return False
        held.payloads[fragment.position - 1] = fragment.payload
        held.missing -= 1
        held.payload_bytes += len(fragment.payload)
        self._payload_bytes += len(fragment.payload)
        if fragment.position == 1:
            held.links[_BEFORE] = fragment.previous_set
        if fragment.position == fragment.total:
            held.links[_AFTER] = fragment.next_set
        self._touch(fragment.set_id, held, now)
        self._keep_limits()
        return held.missing == 0 and fragment.set_id in self._sets

    def _complete_chain(self, set_id: int, now: float) -> list[int]:
        """Give the ids of all linked sets in order if every one is complete, otherwise nothing."""
        before = self._walk(set_id, _BEFORE, now)
        after = self._walk(set_id, _AFTER, now)
        if before is None or after is None:
            return []
        return [*reversed(before), set_id, *after]

    def _walk(self, set_id: int, direction: int, now: float) -> list[int] | None:
        """Follow links one way from a complete set; None when a set on the way is not complete yet."""
        ids: list[int] = []
        current_id, current = set_id, self._sets[set_id]
        while (linked_id := current.links[direction]) is not None:
            linked = self._sets.get(linked_id)
            if linked is None:
                return None
            # Whoever waits for this set waits no longer than it: a long message must not lose its first sets.
            self._touch(linked_id, linked, now)
            if linked.missing:
                return None
            # The mutual link also rules out circles: they would have to close at a set with two predecessors.
            if linked.links[1 - direction] != current_id or linked_id == set_id:
                self._abandon(set_id)
                raise InconsistentFragment("two sets of fragments do not agree that they are linked")
            ids.append(linked_id)
            current_id, current = linked_id, linked
        return ids

    def _take_chain(self, chain: list[int]) -> bytes:
        payloads: list[bytes] = []
        for set_id in chain:
            held = self._sets.pop(set_id)
            self._payload_bytes -= held.payload_bytes
            payloads.extend(payload for payload in held.payloads if payload is not None)
            self._complete(set_id)
        if sum(map(len, payloads)) > self._limits.message_bytes:
            raise MalformedMessage("message", f"it is longer than {self._limits.message_bytes} bytes")
        return b"".join(payloads)

    def _touch(self, set_id: int, held: _FragmentSet, now: float) -> None:
        held.touched_at = now
        self._sets.move_to_end(set_id)

    def _complete(self, set_id: int) -> None:
        self._completed[set_id] = None
        if len(self._completed) > self._limits.completed_sets:
            self._completed.popitem(last=False)

    def _keep_limits(self) -> None:
        while len(self._sets) > self._limits.sets or self._payload_bytes > self._limits.payload_bytes:
            self._abandon(next(iter(self._sets)))

    def _abandon(self, set_id: int) -> None:
        self._payload_bytes -= self._sets.pop(set_id).payload_bytes
        self.abandoned_sets += 1
