"""A client and a replier talk through a mixnet in memory: real packets, every hop processed, a virtual clock."""

from dataclasses import dataclass

import pytest
from support.memory_mixnet import MemoryMixnet, run_clock

from mix_protocol.addressing import Recipient
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.messages.fragment import Fragment, split_message
from mix_protocol.messages.nym_message import (
    AdditionalSurbs,
    NymMessage,
    PlainMessage,
    RepliableData,
    ReplyData,
    SurbRequest,
    encode_message,
)
from mix_protocol.messages.preparation import MessagePreparer
from mix_protocol.messages.reception import AckReceived, CoverReceived, MessageReceived, MessageReceiver, PayloadDropped
from mix_protocol.messages.reply_queue import ReplyQueue
from mix_protocol.messages.reply_surb import ReplySurb
from mix_protocol.messages.retransmission import PendingAcks

TAG = b"the client's tag"


@dataclass(frozen=True)
class Sending:
    fragment: Fragment
    recipient: Recipient


class Party:
    """What client and replier share: an address, a receiver, and sending until it is acknowledged."""

    def __init__(self, mixnet: MemoryMixnet, gateway: bytes, seed: str) -> None:
        self.mixnet = mixnet
        self.random = SeededRandom(seed)
        self.own, secret = mixnet.new_recipient(gateway)
        ack_key = self.random(16)
        self.preparer = MessagePreparer(mixnet.crypto, self.random, self.own, ack_key, topology=mixnet.topology)
        self.receiver = MessageReceiver(mixnet.crypto, secret, ack_key)
        self.pending: PendingAcks[Sending] = PendingAcks()
        self.outgoing: list[Sending] = []
        self.messages: list[NymMessage] = []
        self.dropped: list[str] = []
        self.covers = self.cover_acks = 0
        mixnet.attach(self.own.identity, self.receive_pushed)

    def send_message(self, message: NymMessage, recipient: Recipient) -> None:
        fragments = split_message(self.random, encode_message(message))
        self.outgoing += [Sending(fragment, recipient) for fragment in fragments]

    def receive_pushed(self, payload: bytes, now: float) -> None:
        self.receiver.receive_pushed(payload, now)
        while (event := self.receiver.next_event()) is not None:
            match event:
                case AckReceived(identifier, _) if identifier.is_cover:
                    self.cover_acks += 1
                case AckReceived(identifier, ack_iv):
                    self.acknowledged(identifier, ack_iv, now)
                case CoverReceived():
                    self.covers += 1
                case PayloadDropped(reason):
                    self.dropped.append(reason)
                case MessageReceived(message):
                    self.received(message, now)

    def acknowledged(self, identifier, ack_iv: bytes, now: float) -> None:
        self.pending.acknowledge(identifier, ack_iv, now)

    def received(self, message: NymMessage, now: float) -> None:
        self.messages.append(message)

    def pump(self, now: float) -> None:
        for sending in self.outgoing:
            prepared = self.preparer.prepare(sending.fragment, sending.recipient)
            self.pending.register(prepared, sending, now)
            self.mixnet.send([prepared.packet], now)
        self.outgoing.clear()

    def next_timeout(self) -> float | None:
        return self.pending.next_timeout()

    def handle_timeout(self, now: float) -> None:
        self.outgoing += [overdue.context for overdue in self.pending.due(now)]


class Client(Party):
    """Sends with SURBs and answers requests for more."""

    surbs_given = 0

    def make_surbs(self, count: int, now: float) -> tuple[ReplySurb, ...]:
        surbs = tuple(self.preparer.make_reply_surb() for _ in range(count))
        for surb in surbs:
            self.receiver.remember_surb_key(surb.digest(self.mixnet.crypto), surb.encryption_key, now)
        self.surbs_given += count
        return surbs

    def received(self, message: NymMessage, now: float) -> None:
        super().received(message, now)
        if isinstance(message, SurbRequest):
            self.send_message(AdditionalSurbs(TAG, self.make_surbs(message.amount, now)), message.recipient)


class Replier(Party):
    """Keeps the SURBs that come, and replies through a queue."""

    def __init__(self, mixnet: MemoryMixnet, gateway: bytes, seed: str) -> None:
        super().__init__(mixnet, gateway, seed)
        self.replies = ReplyQueue(self.preparer, self.random)

    def acknowledged(self, identifier, ack_iv: bytes, now: float) -> None:
        if not self.replies.acknowledge(identifier, ack_iv, now):
            super().acknowledged(identifier, ack_iv, now)

    def received(self, message: NymMessage, now: float) -> None:
        super().received(message, now)
        if isinstance(message, RepliableData | AdditionalSurbs):
            requested = isinstance(message, AdditionalSurbs)
            self.replies.receive_surbs(message.sender_tag, message.surbs, now, requested=requested)

    def reply(self, data: bytes, now: float) -> None:
        assert self.replies.queue_reply(TAG, data, now, max_retransmissions=None)

    def pump(self, now: float) -> None:
        super().pump(now)
        self.mixnet.send([prepared.packet for prepared in self.replies.packets_to_send(now)], now)

    def next_timeout(self) -> float | None:
        timeouts = [timeout for timeout in (super().next_timeout(), self.replies.next_timeout()) if timeout is not None]
        return min(timeouts, default=None)

    def handle_timeout(self, now: float) -> None:
        super().handle_timeout(now)
        self.replies.handle_timeout(now)


class Exchange:
    def __init__(self, loss: float = 0.0, seed: int = 1) -> None:
        self.mixnet = MemoryMixnet(seed=seed, loss=loss)
        self.client = Client(self.mixnet, self.mixnet.gateways[0], f"client {seed}")
        self.replier = Replier(self.mixnet, self.mixnet.gateways[1], f"replier {seed}")
        self.now = 0.0

    def run(self, until) -> None:
        def pump(now: float) -> None:
            self.client.pump(now)
            self.replier.pump(now)

        machines = (self.mixnet, self.client, self.replier)
        self.now = run_clock(machines, until=until, pump=pump, now=self.now)

    def settle(self) -> None:
        """Run until every acknowledgement is there and nothing is on its way."""
        self.run(lambda: not len(self.client.pending) and not len(self.replier.pending) and not self.in_flight)

    @property
    def in_flight(self) -> bool:
        return self.mixnet.next_timeout() is not None


@pytest.fixture(params=[0.0, 0.04], ids=["no loss", "4 % loss a link"])
def exchange(request: pytest.FixtureRequest) -> Exchange:
    return Exchange(loss=request.param)


def test_a_plain_message_arrives_once(exchange: Exchange):
    message = PlainMessage(SeededRandom("plain")(20_000))
    exchange.client.send_message(message, exchange.replier.own)
    exchange.settle()
    assert exchange.replier.messages == [message]
    assert exchange.client.messages == exchange.client.dropped == exchange.replier.dropped == []


def test_a_conversation(exchange: Exchange):
    """Repliable data, a reply, a reply longer than the SURBs reach, and the requests that it takes."""
    client, replier = exchange.client, exchange.replier
    client.send_message(RepliableData(TAG, client.make_surbs(12, 0.0), b"hello"), replier.own)
    exchange.run(lambda: bool(replier.messages))
    assert isinstance(replier.messages[0], RepliableData)
    assert replier.messages[0].data == b"hello"

    long_reply = SeededRandom("reply")(60 * 1604)
    replier.reply(b"hello to you", exchange.now)
    replier.reply(long_reply, exchange.now)

    def replies() -> list[bytes]:
        return [message.data for message in client.messages if isinstance(message, ReplyData)]

    exchange.run(lambda: len(replies()) == 2)
    exchange.settle()
    assert sorted(replies(), key=len) == [b"hello to you", long_reply]
    requests = [message for message in client.messages if isinstance(message, SurbRequest)]
    granted = [message for message in replier.messages if isinstance(message, AdditionalSurbs)]
    assert requests
    assert len(granted) == len(requests)
    assert sum(len(message.surbs) for message in granted) == sum(request.amount for request in requests)
    assert {request.recipient for request in requests} == {replier.own}
    assert replier.replies.queued(TAG) == 0
    assert client.dropped == replier.dropped == []


def test_linked_sets_travel_through_loss():
    exchange = Exchange(loss=0.01, seed=2)
    message = PlainMessage(SeededRandom("long")(420_000))
    exchange.client.send_message(message, exchange.replier.own)
    exchange.settle()
    assert exchange.mixnet.packets_lost
    assert exchange.replier.messages == [message]


def test_cover_comes_back_with_its_acknowledgement():
    exchange = Exchange()
    for _ in range(5):
        exchange.mixnet.send([exchange.client.preparer.prepare_cover().packet], 0.0)
    exchange.run(lambda: not exchange.in_flight)
    assert (exchange.client.covers, exchange.client.cover_acks) == (5, 5)
    assert exchange.client.messages == exchange.client.dropped == []


def test_lost_acknowledgements_cause_duplicates_that_nobody_sees():
    exchange = Exchange(loss=0.1, seed=3)
    messages = [PlainMessage(bytes([number]) * 100) for number in range(30)]
    for message in messages:
        exchange.client.send_message(message, exchange.replier.own)
    exchange.settle()
    assert sorted(exchange.replier.messages, key=lambda message: message.data) == messages
    assert exchange.replier.receiver.duplicates > 0


def test_a_replayed_payload_on_a_used_surb_gives_nothing():
    exchange = Exchange()
    client, replier = exchange.client, exchange.replier
    pushed: list[bytes] = []
    exchange.mixnet.attach(client.own.identity, lambda payload, now: pushed.append(payload))
    client.send_message(RepliableData(TAG, client.make_surbs(12, 0.0), b"hello"), replier.own)
    exchange.run(lambda: bool(replier.messages))
    replier.reply(b"only once", exchange.now)
    exchange.run(lambda: any(len(payload) > 100 for payload in pushed))
    (reply,) = (payload for payload in pushed if len(payload) > 100)
    client.receive_pushed(reply, exchange.now)
    client.receive_pushed(reply, exchange.now)
    assert client.messages == [ReplyData(b"only once")]
    assert client.dropped == ["messages.malformed_fragment"]
