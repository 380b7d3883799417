"""A client of the mixnet as one machine: messages go in and come out, packets for the entry gateway leave in time."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import replace
from enum import Enum, auto

from mix_protocol.addressing import Recipient
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes
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
from mix_protocol.messages.preparation import MessagePreparer
from mix_protocol.messages.reception import AckReceived, CoverReceived, MessageReceived, MessageReceiver
from mix_protocol.messages.reply_surb import ReplySurb
from mix_protocol.sphinx.mix_packet import MixPacket
from mix_protocol.topology.errors import UnknownGateway
from mix_protocol.topology.topology import Topology
from mix_tunnel.mixnet.events import DataReceived, MixnetCounters, MixnetEvent, SurbsRequested
from mix_tunnel.mixnet.outbox import Outbox, OutgoingFragment
from mix_tunnel.mixnet.pacing import CHANNEL_SLOTS, DelayMultiplier, PoissonStream
from mix_tunnel.mixnet.surb_budget import SurbGrants
from mix_tunnel.mixnet.traffic import TrafficConfig

HOUSEKEEPING_S = 10.0


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
        self._sender_tags: dict[Recipient, bytes] = {}
        self._events: deque[MixnetEvent] = deque()
        self._grants = SurbGrants(config.max_requested_surbs, now)
        self._main = _stream(random, config.main_stream_mean_ms, now)
        self._cover = _stream(random, config.cover_stream_mean_ms, now)
        self._multiplier = DelayMultiplier(now)
        self._housekeeping_at = now + HOUSEKEEPING_S
        self._suspended_at: float | None = None
        self._is_probing = False

    @property
    def topology(self) -> Topology:
        """The network that routes are drawn through."""
        assert self._preparer.topology is not None
        return self._preparer.topology

    @topology.setter
    def topology(self, topology: Topology) -> None:
        self._preparer.topology = topology

    @property
    def queued(self) -> int:
        """Fragments that wait to be sent for the first time."""
        return len(self._outbox)

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
        self, data: bytes, recipient: Recipient, now: float, *, surbs: int, lane: Hashable = Lane.GENERAL
    ) -> None:
        """Queue an anonymous message with `surbs` ways back. Raises `UnknownGateway`."""
        tag = self._sender_tags.get(recipient)
        if tag is None:
            tag = self._sender_tags[recipient] = self._random(SENDER_TAG_LENGTH)
        self._queue_message(RepliableData(tag, self._make_surbs(surbs, now), data), recipient, lane, now)

    def forget_recipient(self, recipient: Recipient) -> None:
        """Send nothing more to a recipient: neither what is queued nor what was not acknowledged."""
        self._sender_tags.pop(recipient, None)
        self._outbox.discard(lambda item: item.recipient == recipient)

    def move_to(self, gateway: bytes) -> None:
        """Live at another entry gateway from now on: acknowledgements and replies are to come there."""
        self.own = replace(self.own, gateway=gateway)
        self._preparer.own = self.own

    def probe_path(self) -> None:
        """Send a loop cover packet soon, whether or not one would be due; its return shows that the path works."""
        self._is_probing = True

    def receive_pushed(self, payload: bytes, now: float) -> None:
        """Take a payload that the entry gateway pushed."""
        self._receiver.receive_pushed(payload, now)
        while (event := self._receiver.next_event()) is not None:
            match event:
                case AckReceived(identifier, ack_iv):
                    self._receive_ack(identifier, ack_iv, now)
                case CoverReceived():
                    self.counters.cover_packets_received += 1
                case MessageReceived(SurbRequest(recipient, amount)):
                    self._answer_surb_request(recipient, amount, now)
                case MessageReceived(ReplyData(data)):
                    self.counters.replies_received += 1
                    self._events.append(DataReceived(data, is_reply=True))
                case MessageReceived(PlainMessage(data) | RepliableData(data=data)):
                    self._events.append(DataReceived(data, is_reply=False))
                case _:
                    self.counters.packets_dropped += 1

    def packets_to_send(self, now: float, *, waiting: int = 0) -> list[MixPacket]:
        """Give the packets that are due.

        waiting -- packets given earlier that the connection has not taken yet; with 32 of them nothing is added
        """
        if self._suspended_at is not None:
            return []
        self._outbox.note_waiting(waiting, now)
        self._multiplier.note_waiting(waiting, now)
        packets: list[MixPacket] = []
        slots = CHANNEL_SLOTS - waiting
        if self._main is None:
            while len(packets) < slots and (item := self._outbox.next_fragment(now)) is not None:
                self._send_fragment(item, packets)
        else:
            for _ in range(self._main.take_due(now, self._multiplier.value)):
                if len(packets) >= slots:
                    break
                if (item := self._outbox.next_fragment(now)) is not None:
                    self._send_fragment(item, packets)
                else:
                    self._send_cover(packets)
        is_due = self._cover is not None and self._cover.take_due(now) > 0
        # While packets leave all the time, they are probe enough; one more would not be a random moment's.
        if (is_due or (self._is_probing and not packets and self._main is None)) and len(packets) < slots:
            self._send_cover(packets)
        self._is_probing = False
        return packets

    def suspend(self, now: float) -> None:
        """Send nothing and let no acknowledgement time out, for there is no connection to the entry gateway."""
        if self._suspended_at is None:
            self._suspended_at = now

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
        moments = [self._housekeeping_at, self._outbox.next_timeout(), self._receiver.next_timeout()]
        moments += [stream.deadline for stream in (self._main, self._cover) if stream is not None]
        return min(moment for moment in moments if moment is not None)

    def handle_timeout(self, now: float) -> None:
        """Queue again what was not acknowledged in time, and forget what is too old."""
        deadline = self.next_timeout()
        if now >= self._housekeeping_at:
            self._housekeeping_at = now + HOUSEKEEPING_S
            self._outbox.drop_idle_lanes(now)
        self._receiver.handle_timeout(now)
        if self._suspended_at is not None:
            return
        self._outbox.handle_timeout(now, now - deadline if deadline is not None else 0.0)

    def _queue_message(self, message: RepliableMessage, recipient: Recipient, lane: Hashable, now: float) -> None:
        for fragment in split_message(self._random, encode_message(message)):
            self._outbox.push(lane, OutgoingFragment(fragment, recipient, message.sender_tag), now)

    def _is_wanted(self, item: OutgoingFragment) -> bool:
        """Whether its recipient has not been forgotten since."""
        return self._sender_tags.get(item.recipient) == item.sender_tag

    def _send_fragment(self, item: OutgoingFragment, packets: list[MixPacket]) -> None:
        try:
            prepared = self._preparer.prepare(item.fragment, item.recipient)
        except UnknownGateway:
            # The recipient's gateway has left the network; TCP above sends the bytes again when it is back.
            self._outbox.give_up(item)
            return
        self._outbox.sent(prepared, item)
        packets.append(prepared.packet)

    def _send_cover(self, packets: list[MixPacket]) -> None:
        packets.append(self._preparer.prepare_cover().packet)
        self._outbox.sent_cover()
        self.counters.cover_packets_sent += 1

    def _make_surbs(self, count: int, now: float) -> tuple[ReplySurb, ...]:
        surbs = tuple(self._preparer.make_reply_surb() for _ in range(count))
        for surb in surbs:
            self._receiver.remember_surb_key(surb.digest(self._crypto), surb.encryption_key, now)
        self.counters.reply_surbs_given += count
        return surbs

    def _receive_ack(self, identifier: FragmentIdentifier, ack_iv: bytes, now: float) -> None:
        if identifier.is_cover:
            return
        self._outbox.acknowledge(identifier, ack_iv, now)

    def _answer_surb_request(self, recipient: Recipient, amount: int, now: float) -> None:
        """Grant what a known recipient asks for, within bounds: each of its packets could cost us hundreds."""
        tag = self._sender_tags.get(recipient)
        granted = 0
        if tag is not None and not self._outbox.lane_length(Lane.ADDITIONAL_SURBS):
            granted = self._grants.take(amount, now)
        for start in range(0, granted, self.config.max_surbs_per_message):
            count = min(self.config.max_surbs_per_message, granted - start)
            message = AdditionalSurbs(tag or b"", self._make_surbs(count, now))
            self._queue_message(message, recipient, Lane.ADDITIONAL_SURBS, now)
        self._events.append(SurbsRequested(recipient, amount, granted))


def _stream(random: RandomBytes, mean_ms: float | None, now: float) -> PoissonStream | None:
    return PoissonStream(random, mean_ms / 1000.0, now) if mean_ms else None
