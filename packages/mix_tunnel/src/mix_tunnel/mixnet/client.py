"""A client of the mixnet as one machine: messages go in and come out, packets for the entry gateway leave in time."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import replace
from enum import Enum, auto

from mix_protocol.addressing import Recipient
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.delivery import Delivery
from mix_protocol.messages.fragment import FragmentIdentifier, split_message
from mix_protocol.messages.geometry import SENDER_TAG_LENGTH
from mix_protocol.messages.nym_message import (
    AdditionalSurbs,
    PlainMessage,
    RepliableData,
    RepliableMessage,
    ReplyData,
    SurbRequest,
    encode_message,
)
from mix_protocol.messages.preparation import MessagePreparer, PacketDraft, PreparedPacket
from mix_protocol.messages.reception import (
    AckReceived,
    CoverReceived,
    EmptyReplyReceived,
    MessageReceived,
    MessageReceiver,
)
from mix_protocol.messages.reply_surb import ReplySurb
from mix_protocol.messages.retransmission import ORDINARY_LATENESS_S
from mix_protocol.sphinx.mix_packet import MixPacket
from mix_protocol.sphinx.version import SphinxVersion
from mix_protocol.topology.errors import NoDiverseRoute, UnknownGateway
from mix_protocol.topology.topology import Topology
from mix_tunnel.mixnet.events import Acknowledged, DataReceived, MixnetCounters, MixnetEvent, SurbsRequested
from mix_tunnel.mixnet.outbox import Outbox, OutgoingFragment
from mix_tunnel.mixnet.pacing import CHANNEL_SLOTS, DelayMultiplier, PoissonStream
from mix_tunnel.mixnet.shipment import Shipment
from mix_tunnel.mixnet.stock import SEALED_PACKETS, PacketStock
from mix_tunnel.mixnet.surb_budget import SurbGrants
from mix_tunnel.mixnet.traffic import TrafficConfig

HOUSEKEEPING_S = 10.0
PACED_SURBS = 3
"""Requested reply SURBs that leave in one message while packets are paced; they fill its one packet, and making more of
them at once would take longer than the time between two packets."""


class Lane(Enum):
    """The lanes of the client's own making; callers name theirs as they like."""

    GENERAL = auto()
    ADDITIONAL_SURBS = auto()


class MixnetClient:
    """Sends messages with reply SURBs, receives replies, acknowledges, retransmits, and keeps cover traffic up.

    own -- the client's address; its gateway is the entry gateway
    encryption_secret -- the X25519 secret (32 bytes) behind the address
    ack_key -- 16 bytes, known to this client alone
    topology -- the network to draw routes through; assign `topology` whenever a newer one is known
    """

    def __init__(
        self,
        crypto: CryptoProvider,
        random: RandomBytes,
        *,
        own: Recipient,
        encryption_secret: bytes,
        ack_key: bytes,
        topology: Topology,
        now: float,
        config: TrafficConfig | None = None,
    ) -> None:
        self.config = config = config or TrafficConfig()
        self.own = own
        self.counters = MixnetCounters()
        self._crypto = crypto
        self._random = random
        self._preparer = MessagePreparer(
            crypto,
            random,
            own,
            ack_key,
            mean_packet_delay_ms=config.mean_packet_delay_ms,
            mean_ack_delay_ms=config.mean_ack_delay_ms,
            topology=topology,
        )
        self._receiver = MessageReceiver(crypto, encryption_secret, ack_key)
        self._outbox = Outbox(random, config.max_transmissions, self._is_wanted, self.counters)
        self._stock: PacketStock[OutgoingFragment] = PacketStock(self._preparer)
        self._surbs_owed: tuple[Recipient, int] | None = None
        self._pull: tuple[Recipient, bytes] | None = None
        self._sender_tags: dict[Recipient, bytes] = {}
        self._events: deque[MixnetEvent] = deque()
        self._grants = SurbGrants(config.max_requested_surbs, now)
        self._main = _stream(random, config.main_stream_mean_ms, now)
        self._cover = _stream(random, config.cover_stream_mean_ms, now)
        self._multiplier = DelayMultiplier(now)
        self._housekeeping_at = now + HOUSEKEEPING_S
        self._suspended_at: float | None = None
        self._handled_at = now
        self._missed_at: float | None = None
        self._is_probing = False

    @property
    def topology(self) -> Topology:
        """The network that routes are drawn through."""
        assert self._preparer.topology is not None
        return self._preparer.topology

    @topology.setter
    def topology(self, topology: Topology) -> None:
        self._preparer.topology = topology
        self._clear_stock()

    @property
    def seals_replies(self) -> bool:
        """Whether reply SURBs are such that nobody else can follow the replies, and all packets bear their version.

        To be set only where our gateway passes sealed replies on and whom we write to answers on them.
        """
        return self._stock.surbs_seal

    @seals_replies.setter
    def seals_replies(self, seals: bool) -> None:
        if seals is not self._stock.surbs_seal:
            self._clear_stock()
            self._stock.surbs_seal = seals
            self._preparer.version = SphinxVersion.LAST_SEED if seals else SphinxVersion.SEEDED

    @property
    def queued(self) -> int:
        """Fragments that wait to be sent for the first time."""
        return len(self._outbox) + self._stock.sealed

    @property
    def has_unsealed_data(self) -> bool:
        """Whether a message's fragment waits for which no packet has been built yet."""
        return self._outbox.lane_length(Lane.GENERAL) > 0

    @property
    def departs_at(self) -> float | None:
        """When the next packet leaves, with data or without; None while none leaves of itself."""
        if self._suspended_at is not None:
            return None
        main, cover = self._main, self._cover
        if main is None or cover is None:
            only = main or cover
            return None if only is None else only.deadline
        return min(main.deadline, cover.deadline)

    @property
    def surbs_unused(self) -> int:
        """How many of the reply SURBs that were given to anyone have not been used."""
        return self._receiver.surbs_unused

    @property
    def is_paced(self) -> bool:
        """Whether packets leave at random times only, not as soon as they are there."""
        return self._main is not None

    @property
    def delay_multiplier(self) -> int:
        """How much slower than configured the main stream runs, because the connection is congested."""
        return self._multiplier.value

    def send_message(
        self,
        data: bytes,
        recipient: Recipient,
        now: float,
        *,
        surbs: int,
        needs_acks: bool = False,
        lane: Hashable = Lane.GENERAL,
        deliveries: Sequence[Delivery | None] = (),
    ) -> None:
        """Queue an anonymous message with `surbs` ways back. Raises `UnknownGateway`.

        needs_acks -- whether what answers it should be sent again until it has arrived, though it is not sealed then
        deliveries -- of the packets in it, for those who might repeat them
        """
        tag = self._sender_tags.get(recipient)
        if tag is None:
            tag = self._sender_tags[recipient] = self._random(SENDER_TAG_LENGTH)
        message = RepliableData(tag, self._make_surbs(surbs, now, needs_acks=needs_acks), data)
        self._queue_message(message, recipient, lane, now, deliveries)

    def forget_recipient(self, recipient: Recipient) -> None:
        """Send nothing more to a recipient: neither what is queued nor what was not acknowledged."""
        self._sender_tags.pop(recipient, None)
        for holder in (self._outbox, self._stock):
            holder.discard(lambda item: item.recipient == recipient)
        if self._surbs_owed is not None and self._surbs_owed[0] == recipient:
            self._surbs_owed = None
        if self._pull is not None and self._pull[0] == recipient:
            self.stop_pulling()

    def pull_from(self, recipient: Recipient, message: bytes) -> None:
        """From now on send a recipient, to whom something has been sent, a reply SURB in each packet of the main stream
        that would be cover, and `message` (which must leave room for it) so that it knows what to do with it."""
        self._pull = recipient, message
        self._stock.clear_pulls()

    def stop_pulling(self) -> None:
        """Send cover again."""
        self._pull = None
        self._stock.clear_pulls()

    def move_to(self, gateway: bytes) -> None:
        """Live at another entry gateway from now on: acknowledgements and replies are to come there."""
        self.own = replace(self.own, gateway=gateway)
        self._preparer.own = self.own
        self._clear_stock()

    def talk_with(self, gateway: bytes | None) -> None:
        """Keep the mix nodes of all routes apart from this gateway too, where our exit sits; None if there is none."""
        self._preparer.other_end = gateway
        self._clear_stock()

    def probe_path(self) -> None:
        """Send a loop cover packet soon, whether or not one would be due; its return shows that the path works."""
        self._is_probing = True

    def receive_pushed(self, payload: bytes, now: float) -> bool:
        """Take a payload that the entry gateway pushed; whether anything may follow from it (from cover not)."""
        self._receiver.receive_pushed(payload, now)
        was_cover = False
        while (event := self._receiver.next_event()) is not None:
            match event:
                case AckReceived(identifier) if identifier.is_cover:
                    was_cover = True
                case AckReceived(identifier, ack_iv):
                    self._receive_ack(identifier, ack_iv, now)
                case CoverReceived() | EmptyReplyReceived():
                    self.counters.cover_packets_received += 1
                    was_cover = True
                case MessageReceived(SurbRequest(recipient, amount)):
                    self._answer_surb_request(recipient, amount, now)
                case MessageReceived(ReplyData(data)):
                    self.counters.replies_received += 1
                    self._events.append(DataReceived(data, is_reply=True))
                case MessageReceived(PlainMessage(data) | RepliableData(data=data)):
                    self._events.append(DataReceived(data, is_reply=False))
                case _:
                    self.counters.packets_dropped += 1
        return not was_cover

    def packets_to_send(self, now: float, *, waiting: int = 0) -> list[MixPacket]:
        """Give the packets that are due.

        waiting -- packets given earlier that the connection has not taken yet; with 32 of them nothing is added
        """
        if self._suspended_at is not None:
            return []
        self._note_lateness(now)
        self.note_waiting(waiting, now)
        self._multiplier.note_waiting(waiting, now)
        packets: list[MixPacket] = []
        slots = CHANNEL_SLOTS - waiting
        if self._main is None:
            while len(packets) < slots and (some := self._seal_some(now, min(slots - len(packets), self._stock.batch))):
                packets += (self._depart(*sealed) for sealed in some)
        else:
            for _ in range(self._main.take_due(now, self._multiplier.value * self._multiplier.stretch)):
                if len(packets) >= slots:
                    break
                sealed = self._next_sealed(now)
                packets.append(self._depart(*sealed) if sealed is not None else self._depart_filler(now))
            self._pay_surbs(now)
        is_due = self._cover is not None and self._cover.take_due(now, self._multiplier.stretch) > 0
        # While packets leave all the time, they are probe enough; one more would not be a random moment's.
        if (is_due or (self._is_probing and not packets and self._main is None)) and len(packets) < slots:
            packets.append(self._depart_cover(now))
        self._is_probing = False
        return packets

    def note_waiting(self, waiting: int, now: float) -> None:
        """Learn how many of the packets given so far the connection has not taken yet: from the others' departure on
        their acknowledgements are waited for."""
        self._outbox.note_waiting(waiting, now)

    def note_lag(self, lag_s: float) -> None:
        """Learn, about once a second, how late this process gets to run: with too little time it sends less."""
        self._multiplier.note_lag(lag_s)

    def prepare_ahead(self, now: float) -> bool:
        """Do one piece of the work for packets that leave later, some packets' worth; False if there is none left.

        Without it everything works, but packets leave when they are finished and not at their random moments.
        """
        stock = self._stock
        if self.departs_at is None:
            return False
        # Where there is hardly time for any piece, all of it would go into cover, and data would never leave.
        if not self._has_filler and (stock.sealed or not self._outbox):
            return self._build_filler(now)
        if self._main is not None:
            room = min(SEALED_PACKETS - stock.sealed, stock.batch)
            if room > 0 and (some := self._seal_some(now, room)):
                for sealed in some:
                    stock.add_sealed(*sealed)
                return True
            if stock.build_surbs(now):
                return True
        return self._build_filler(now) or stock.build_covers(now)

    def suspend(self, now: float) -> None:
        """Send nothing and let no acknowledgement time out, for there is no connection to the entry gateway."""
        if self._suspended_at is None:
            self._suspended_at = now
            self._clear_stock()

    def resume(self, now: float) -> None:
        """Go on after `suspend`."""
        if self._suspended_at is not None:
            self._outbox.excuse(now - self._suspended_at)
        self._suspended_at = None
        for stream in (self._main, self._cover):
            if stream is not None:
                stream.restart(now)

    def next_event(self) -> MixnetEvent | None:
        """Give the oldest event that was not given yet."""
        return self._events.popleft() if self._events else None

    def next_timeout(self) -> float | None:
        """Tell when packets will be due or something times out; after that call `handle_timeout`."""
        if self._suspended_at is not None:
            return self._housekeeping_at
        if self._missed_at is not None:
            return self._missed_at
        # Asked for several times a packet, hence without a sequence to look through.
        earliest = self._housekeeping_at
        if (moment := self._outbox.next_timeout()) is not None and moment < earliest:
            earliest = moment
        if (moment := self._receiver.next_timeout()) is not None and moment < earliest:
            earliest = moment
        for stream in (self._main, self._cover):
            if stream is not None and stream.deadline < earliest:
                earliest = stream.deadline
        return earliest

    def handle_timeout(self, now: float) -> None:
        """Queue again what was not acknowledged in time, and forget what is too old."""
        deadline = self.next_timeout()
        self._missed_at, self._handled_at = None, now
        if now >= self._housekeeping_at:
            self._housekeeping_at = now + HOUSEKEEPING_S
            self._outbox.drop_idle_lanes(now)
        self._receiver.handle_timeout(now)
        if self._suspended_at is not None:
            return
        self._outbox.handle_timeout(now, now - deadline if deadline is not None else 0.0)

    def _queue_message(
        self,
        message: RepliableMessage,
        recipient: Recipient,
        lane: Hashable,
        now: float,
        deliveries: Sequence[Delivery | None] = (),
    ) -> None:
        fragments = split_message(self._random, encode_message(message))
        shipment = Shipment(deliveries, len(fragments)) if deliveries else None
        for fragment in fragments:
            self._outbox.push(lane, OutgoingFragment(fragment, recipient, message.sender_tag, shipment), now)

    def _is_wanted(self, item: OutgoingFragment) -> bool:
        """Whether somebody waits for what it carries, and its recipient has not been forgotten."""
        is_known = self._sender_tags.get(item.recipient) == item.sender_tag
        return is_known and (item.shipment is None or item.shipment.is_wanted)

    def _note_lateness(self, now: float) -> None:
        """Remember for `handle_timeout` how late this call is: what departs first leaves no trace of it."""
        deadline = self.next_timeout()
        if deadline is not None and self._missed_at is None:
            due = max(deadline, self._handled_at)
            if now - due > ORDINARY_LATENESS_S:
                self._missed_at = due

    def _seal_some(self, now: float, most: int) -> list[tuple[PreparedPacket, OutgoingFragment]]:
        """Build the packets of the next fragments together; none if nothing waits."""
        drafts: list[PacketDraft] = []
        items: list[OutgoingFragment] = []
        while len(drafts) < most and (item := self._outbox.next_fragment(now)) is not None:
            try:
                drafts.append(self._preparer.draft(item.fragment, item.recipient))
            except (UnknownGateway, NoDiverseRoute):
                # The recipient's gateway has left the network; TCP above sends the bytes again when it is back.
                self._outbox.give_up(item)
                continue
            items.append(item)
            if item.transmissions:
                break  # how many may be sent again depends on whether this one has been
        return list(zip(self._preparer.build(drafts), items, strict=True)) if drafts else []

    def _next_sealed(self, now: float) -> tuple[PreparedPacket, OutgoingFragment] | None:
        """Give what leaves now of what waits. A fragment without a packet waits for the next moment, if there is cover
        for this one: building it now would take time."""
        while (sealed := self._stock.take_sealed()) is not None:
            if self._outbox.is_open(sealed[1]):
                return sealed
        if self._has_filler:
            return None
        return next(iter(self._seal_some(now, 1)), None)

    def _depart(self, prepared: PreparedPacket, item: OutgoingFragment) -> MixPacket:
        self._outbox.sent(prepared, item)
        return prepared.packet

    @property
    def _has_filler(self) -> bool:
        """Whether there is something ready for a moment of the main stream for which no data waits."""
        return self._stock.has_cover if self._pull_target is None else self._stock.has_pull

    def _build_filler(self, now: float) -> bool:
        """Add to what `_has_filler` asks for; False if there is enough."""
        target = self._pull_target
        if target is None:
            return self._stock.build_covers(now)
        if not self._stock.wants_pulls:
            return False
        self._stock.add_pulls(self._prepare_pulls(*target, self._stock.batch, now), now)
        return True

    def _depart_filler(self, now: float) -> MixPacket:
        target = self._pull_target
        if target is None:
            return self._depart_cover(now)
        self._outbox.sent_cover()
        self.counters.cover_packets_sent += 1
        return (self._stock.take_pull(now) or self._prepare_pulls(*target, 1, now)[0]).packet

    @property
    def _pull_target(self) -> tuple[Recipient, bytes] | None:
        """See `pull_from`; None also while the recipient's gateway is not in the network."""
        pull = self._pull
        return pull if pull is not None and pull[0].gateway in self.topology.gateways else None

    def _prepare_pulls(self, recipient: Recipient, message: bytes, count: int, now: float) -> list[PreparedPacket]:
        drafts = []
        for surb in self._make_surbs(count, now):
            content = RepliableData(self._sender_tags[recipient], (surb,), message)
            (fragment,) = split_message(self._random, encode_message(content))
            drafts.append(self._preparer.draft(fragment, recipient, is_awaited=False))
        return self._preparer.build(drafts)

    def _depart_cover(self, now: float) -> MixPacket:
        self._outbox.sent_cover()
        self.counters.cover_packets_sent += 1
        cover = self._stock.take_cover(now)
        self._receiver.expect_cover(cover.key_prefix)
        return cover.packet

    def _clear_stock(self) -> None:
        """Build everything anew, for the network or our place in it has changed."""
        self._outbox.put_back(self._stock.clear())

    def _make_surbs(self, count: int, now: float, *, needs_acks: bool = False) -> tuple[ReplySurb, ...]:
        if needs_acks and self.seals_replies:
            surbs = tuple(self._preparer.make_reply_surbs(count))
        else:
            surbs = tuple(self._stock.take_surbs(count, now))
        for surb in surbs:
            self._receiver.remember_surb(surb, now)
        self.counters.reply_surbs_given += count
        return surbs

    def _receive_ack(self, identifier: FragmentIdentifier, ack_iv: bytes, now: float) -> None:
        item = self._outbox.acknowledge(identifier, ack_iv, now)
        if item is not None:
            delivered = item.shipment.fragment_arrived() if item.shipment is not None else ()
            self._events.append(Acknowledged(item.recipient, delivered))

    def _answer_surb_request(self, recipient: Recipient, amount: int, now: float) -> None:
        """Grant what a known recipient asks for, within bounds: each of its packets could cost us hundreds."""
        tag = self._sender_tags.get(recipient)
        granted = 0
        if tag is not None and self._surbs_owed is None and not self._outbox.lane_length(Lane.ADDITIONAL_SURBS):
            granted = self._grants.take(amount, now)
        if granted:
            self._surbs_owed = recipient, granted
            self._pay_surbs(now)
        self._events.append(SurbsRequested(recipient, amount, granted))

    def _pay_surbs(self, now: float) -> None:
        """Queue what was granted: all of it, or a packet's worth at a time while packets are paced."""
        most = PACED_SURBS if self.is_paced else self.config.max_surbs_per_message
        while self._surbs_owed is not None:
            if self.is_paced and self._outbox.lane_length(Lane.ADDITIONAL_SURBS):
                return
            recipient, owed = self._surbs_owed
            count = min(most, owed)
            self._surbs_owed = (recipient, owed - count) if owed > count else None
            # On the last ones it can ask again, and have that acknowledged.
            surbs = self._make_surbs(count, now, needs_acks=owed == count)
            message = AdditionalSurbs(self._sender_tags[recipient], surbs)
            self._queue_message(message, recipient, Lane.ADDITIONAL_SURBS, now)


def _stream(random: RandomBytes, mean_ms: float | None, now: float) -> PoissonStream | None:
    return PoissonStream(random, mean_ms / 1000.0, now) if mean_ms else None
