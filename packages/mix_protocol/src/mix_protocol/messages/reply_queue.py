"""Replies to anonymous senders: kept until there are SURBs to send them on (Nym spec: reply SURBs, user side)."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from mix_protocol.addressing.key_rotation import KeyRotation
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.messages.fragment import FragmentIdentifier, split_message
from mix_protocol.messages.nym_message import ReplyData, SurbRequest, encode_message
from mix_protocol.messages.preparation import MessagePreparer, PreparedPacket
from mix_protocol.messages.reply_sender import OutgoingFragment, ReplySender
from mix_protocol.messages.reply_surb import ReplySurb
from mix_protocol.messages.retransmission import PendingAcks
from mix_protocol.messages.rotation_period import RotationPeriod
from mix_protocol.messages.surb_returns import SurbReturns
from mix_protocol.messages.surb_store import SurbThresholds
from mix_protocol.sphinx.version import SphinxVersion

_REQUEST_RETRANSMISSIONS = 10


@dataclass(frozen=True, slots=True)
class ReplyQueueOptions:
    """Bounds and times of a reply queue; where the published client has a value, it is the default.

    senders -- how many are remembered
    surbs -- how many are kept of all senders together
    queued_fragments, all_queued_fragments -- how many may wait for one sender, for all together
    poll_s -- how often waiting queues are looked at
    ask_again_s, give_up_s -- for how long a sender with a queue may give nothing until it is asked again, given up
    requests -- how often it is asked again at most
    forget_s -- for how long a sender is remembered that gives nothing
    return_delay_s -- mean time for which a SURB of a balanced sender is kept

    When there are too many senders or SURBs, the senders not heard from for longest go.
    """

    thresholds: SurbThresholds = SurbThresholds()  # noqa: RUF009 -- frozen
    senders: int = 2048
    surbs: int = 131_072
    queued_fragments: int = 1024
    all_queued_fragments: int = 65_536
    poll_s: float = 5.0
    ask_again_s: float = 10.0
    give_up_s: float = 5 * 60.0
    requests: int = 5
    forget_s: float = 24 * 3600.0
    return_delay_s: float = 0.015


@dataclass(frozen=True, slots=True)
class RepliesDropped:
    """Replies were given up because their sender gave no SURBs for too long, or was forgotten."""

    sender_tag: bytes = field(repr=False)
    fragments: int


class ReplyQueue:
    """Sends replies to any number of anonymous senders, each on the SURBs that came from it.

    preparer -- of the one who replies; its topology decides whether anything can be sent
    random -- source of set ids

    Call `packets_to_send` after every other call, and hand over what it gives at once: timers start with it.
    """

    def __init__(
        self, preparer: MessagePreparer, random: RandomBytes, *, options: ReplyQueueOptions | None = None
    ) -> None:
        self._preparer = preparer
        self._random = random
        self._options = options or ReplyQueueOptions()
        self._senders: OrderedDict[bytes, ReplySender] = OrderedDict()  # not heard from for longest first
        self._ready: OrderedDict[bytes, None] = OrderedDict()  # senders for whom something may be sendable
        self._pending: PendingAcks[OutgoingFragment] = PendingAcks(one_path=False)
        self._events: deque[RepliesDropped] = deque()
        self._surbs = self._queued = 0  # of all senders
        self._returns = SurbReturns(random, mean_delay_s=self._options.return_delay_s, capacity=self._options.surbs)
        self._rotation: RotationPeriod | None = None
        self._poll_at: float | None = None
        self._drop_stale_at: float | None = None

    def knows(self, sender_tag: bytes) -> bool:
        """Whether SURBs of this sender ever came and it has not been forgotten."""
        return sender_tag in self._senders

    def surbs(self, sender_tag: bytes) -> int:
        """Tell how many SURBs of this sender are left."""
        sender = self._senders.get(sender_tag)
        return len(sender.store) if sender is not None else 0

    def queued(self, sender_tag: bytes) -> int:
        """Tell how many fragments wait for SURBs of this sender."""
        sender = self._senders.get(sender_tag)
        return sender.queued if sender is not None else 0

    @property
    def returning(self) -> int:
        """Tell how many SURBs of balanced senders have not left yet."""
        return len(self._returns)

    def queue_reply(self, sender_tag: bytes, data: bytes, now: float, *, max_retransmissions: int | None = 0) -> bool:
        """Queue a reply; False if it is dropped at once: its sender is unknown, or too much waits for it already.

        max_retransmissions -- how often to send a fragment again without an acknowledgement; None for no limit
        """
        sender = self._senders.get(sender_tag)
        if sender is None:
            return False
        fragments = split_message(self._random, encode_message(ReplyData(data)))
        options = self._options
        if (
            sender.queued + len(fragments) > options.queued_fragments
            or self._queued + len(fragments) > options.all_queued_fragments
        ):
            return False
        with self._counting(sender):
            sender.enqueue(OutgoingFragment(sender_tag, fragment, max_retransmissions) for fragment in fragments)
        self._note_work(sender_tag, now)
        return True

    def receive_surbs(
        self, sender_tag: bytes, surbs: Sequence[ReplySurb], now: float, *, requested: bool = False
    ) -> None:
        """Store SURBs; `requested` if they came as `AdditionalSurbs`."""
        if not surbs:
            return
        sender = self._senders.get(sender_tag)
        if sender is None:
            sender = self._senders[sender_tag] = ReplySender(self._options.thresholds, now)
        self._senders.move_to_end(sender_tag)
        sender.receive_surbs(len(surbs), now, requested=requested)
        sender.seals_replies = sender.seals_replies or any(surb.surb.is_sealing for surb in surbs)
        if sender.is_balanced:
            self._returns.add(sender_tag, surbs, now)
        else:
            with self._counting(sender):
                sender.store.add(surbs, now, self._rotation_in_overlap())
        while len(self._senders) > self._options.senders or self._surbs > self._options.surbs:
            self._forget(next(iter(self._senders)))
        self._note_work(sender_tag, now)

    def balance(self, sender_tag: bytes, now: float) -> None:
        """Let each SURB of a known sender, from now on, come home after a random time: with the next fragment that
        waits for the sender, or empty. It is asked for no more, for it keeps sending them."""
        sender = self._senders.get(sender_tag)
        if sender is None or sender.is_balanced:
            return
        sender.is_balanced = True
        with self._counting(sender):
            self._returns.add(sender_tag, iter(sender.store.take, None), now)

    def retire(self, sender_tag: bytes) -> None:
        """Forget a sender soon, with the SURBs that are left of it, unless it is heard of again: what is queued for it,
        a last word, may still leave before."""
        sender = self._senders.get(sender_tag)
        if sender is not None:
            sender.is_retired = True

    def acknowledge(self, identifier: FragmentIdentifier, ack_iv: bytes, now: float) -> bool:
        """Take in an acknowledgement; whether one of our fragments waited for it."""
        outgoing = self._pending.acknowledge(identifier, ack_iv, now).context
        if outgoing is None:
            return False
        sender = self._senders.get(outgoing.sender_tag)
        if sender is not None:
            with self._counting(sender):
                sender.call_off(identifier)
        return True

    def packets_to_send(self, now: float, limit: int | None = None) -> list[PreparedPacket]:
        """Make the packets that can go now, at most `limit`; senders take turns."""
        packets: list[PreparedPacket] = []
        if not self._preparer.is_ready:
            return packets
        while (limit is None or len(packets) < limit) and (home := self._returns.take_due(now)) is not None:
            packets.append(self._prepare_return(*home, now))
        while self._ready and (limit is None or len(packets) < limit):
            sender_tag, _ = self._ready.popitem(last=False)
            sender = self._senders.get(sender_tag)
            prepared = self._next_packet(sender_tag, sender, now) if sender is not None else None
            if prepared is not None:
                packets.append(prepared)
                self._ready[sender_tag] = None
        return packets

    def next_event(self) -> RepliesDropped | None:
        """Give the oldest event that was not given yet."""
        return self._events.popleft() if self._events else None

    def set_rotation(self, rotation: RotationPeriod, now: float) -> None:
        """Take the key rotation in force; when it is another, ask for as many SURBs as may have become useless."""
        previous, self._rotation = self._rotation, rotation
        if previous is None or previous.rotation_id == rotation.rotation_id:
            return
        for sender_tag, sender in self._senders.items():
            with self._counting(sender):
                sender.store.drop_received_before(rotation.announced_at)
            sender.replacements_wanted = sender.store.suspect(rotation.key_rotation)
            self._note_work(sender_tag, now)
        self._drop_stale_at = rotation.overlap_ends_at

    def _rotation_in_overlap(self) -> KeyRotation | None:
        """The rotation in force, while the former one's keys still hold."""
        return self._rotation.key_rotation if self._rotation is not None and self._drop_stale_at is not None else None

    def next_timeout(self) -> float | None:
        """Tell when `handle_timeout` has something to do."""
        timeouts = (
            self._pending.next_timeout(),
            self._poll_at,
            self._drop_stale_at,
            self._returns.next_timeout() if self._preparer.is_ready else None,
        )
        return min((timeout for timeout in timeouts if timeout is not None), default=None)

    def handle_timeout(self, now: float) -> None:
        """Retransmit what is overdue, ask again where nothing comes, forget what is too old."""
        deadline = self.next_timeout()
        for overdue in self._pending.due(now, now - deadline if deadline is not None else 0.0):
            self._retransmit(overdue.context, overdue.transmissions, now)
        if self._drop_stale_at is not None and self._drop_stale_at <= now:
            self._drop_stale_at = None
            for sender in self._senders.values():
                with self._counting(sender):
                    sender.store.drop_stale()
        if self._poll_at is not None and self._poll_at <= now:
            self._poll(now)

    def _next_packet(self, sender_tag: bytes, sender: ReplySender, now: float) -> PreparedPacket | None:
        with self._counting(sender):
            outgoing = sender.pop_sendable()
            if outgoing is None and (amount := sender.amount_to_request()):
                outgoing = self._make_request(sender_tag, amount)
                sender.note_request(amount)
            if outgoing is None:
                return None
            surb = sender.store.take(seals=outgoing.max_retransmissions == 0)
            assert surb is not None, "both sources of fragments look for a SURB first"
        return self._prepare(outgoing, surb, now)

    def _prepare_return(self, sender_tag: bytes, surb: ReplySurb, now: float) -> PreparedPacket:
        outgoing = None
        if (sender := self._senders.get(sender_tag)) is not None:
            with self._counting(sender):
                outgoing = sender.pop_any()
        if outgoing is not None:
            return self._prepare(outgoing, surb, now)
        return self._preparer.prepare_empty_reply(surb, self._version_of(sender))

    @staticmethod
    def _version_of(sender: ReplySender | None) -> SphinxVersion | None:
        """Which version all packets of a sender bear; None if there is nothing to tell it by."""
        return SphinxVersion.LAST_SEED if sender is not None and sender.seals_replies else None

    def _prepare(self, outgoing: OutgoingFragment, surb: ReplySurb, now: float) -> PreparedPacket:
        version = self._version_of(self._senders.get(outgoing.sender_tag))
        prepared = self._preparer.prepare_reply(outgoing.fragment, surb, version)
        if surb.surb.is_sealing:
            self._pending.forget(outgoing.identifier)  # nothing will tell whether it has arrived
        elif outgoing.max_retransmissions != 0:
            self._pending.register(prepared, outgoing, now)
        return prepared

    def _make_request(self, sender_tag: bytes, amount: int) -> OutgoingFragment:
        message = encode_message(SurbRequest(self._preparer.own, amount))
        (fragment,) = split_message(self._random, message)
        return OutgoingFragment(sender_tag, fragment, _REQUEST_RETRANSMISSIONS, asks_for_surbs=True)

    def _retransmit(self, outgoing: OutgoingFragment, transmissions: int, now: float) -> None:
        sender = self._senders.get(outgoing.sender_tag)
        limit = outgoing.max_retransmissions
        if sender is None or (limit is not None and transmissions > limit):
            self._pending.forget(outgoing.identifier)
            return
        with self._counting(sender):
            sender.retransmit(outgoing)
        self._note_work(outgoing.sender_tag, now)

    def _poll(self, now: float) -> None:
        options = self._options
        for sender_tag, sender in list(self._senders.items()):
            silent_s = now - sender.heard_at
            if self._rotation is not None:
                with self._counting(sender):
                    sender.store.drop_received_before(now - self._rotation.key_lifetime_s)
            if silent_s > (options.ask_again_s if sender.is_retired else options.forget_s):
                self._forget(sender_tag)
            elif not sender.queued or silent_s <= options.ask_again_s:
                continue
            elif silent_s > options.give_up_s or sender.requests_unanswered >= options.requests:
                self._drop_queue(sender_tag, sender)
            else:
                sender.requests_unanswered += 1
                sender.store.requested = 0
                self._ready[sender_tag] = None
        self._poll_at = now + options.poll_s if self._senders else None

    def _forget(self, sender_tag: bytes) -> None:
        sender = self._senders.pop(sender_tag)
        self._surbs -= len(sender.store)
        self._drop_queue(sender_tag, sender)

    def _drop_queue(self, sender_tag: bytes, sender: ReplySender) -> None:
        self._queued -= sender.queued
        dropped = sender.drop_queue()
        for outgoing in dropped:
            self._pending.forget(outgoing.identifier)
        if dropped:
            self._events.append(RepliesDropped(sender_tag, len(dropped)))

    def _note_work(self, sender_tag: bytes, now: float) -> None:
        self._ready[sender_tag] = None
        if self._poll_at is None:
            self._poll_at = now + self._options.poll_s

    @contextmanager
    def _counting(self, sender: ReplySender) -> Iterator[None]:
        """Keep the totals of all senders right over a change of one of them."""
        surbs, queued = len(sender.store), sender.queued
        try:
            yield
        finally:
            self._surbs += len(sender.store) - surbs
            self._queued += sender.queued - queued
