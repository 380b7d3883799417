from ipaddress import IPv4Address

from mix_protocol.addressing import KeyRotation, NodeAddress, Recipient
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.delivery import Delivery
from mix_protocol.messages.fragment import Fragment
from mix_protocol.messages.preparation import PreparedPacket
from mix_protocol.sphinx.mix_packet import MixPacket
from mix_tunnel.mixnet.events import MixnetCounters
from mix_tunnel.mixnet.outbox import Outbox, OutgoingFragment
from mix_tunnel.mixnet.shipment import Shipment

PACKET = MixPacket(NodeAddress(IPv4Address("10.0.0.1"), 1789), b"", KeyRotation.ODD)
RECIPIENT = Recipient(b"i" * 32, b"k" * 32, b"g" * 32)


class Sender:
    """An outbox whose packets all go at once; acknowledgements come when the test says so."""

    def __init__(self, max_transmissions: int = 10) -> None:
        self.counters = MixnetCounters()
        self.random = SeededRandom("outbox")
        self.outbox = Outbox(self.random, max_transmissions, self.is_wanted, self.counters)
        self.sent: list[PreparedPacket] = []

    def is_wanted(self, item: OutgoingFragment) -> bool:
        return item.shipment is None or item.shipment.is_wanted

    def queue(self, set_id: int, count: int = 1, now: float = 0.0, delivery: Delivery | None = None) -> None:
        shipment = Shipment((delivery,), count) if delivery is not None else None
        for position in range(1, count + 1):
            fragment = Fragment(set_id, count, position, None, None, b"")
            self.outbox.push("lane", OutgoingFragment(fragment, RECIPIENT, b"tag", shipment), now)

    def send(self, now: float, limit: int = 1000, waiting: int = 0) -> list[int]:
        """Send what can go; the set ids of it."""
        ids = []
        while len(ids) < limit and (item := self.outbox.next_fragment(now)) is not None:
            prepared = PreparedPacket(PACKET, item.fragment.identifier, self.random(16), 0.0)
            self.outbox.sent(prepared, item)
            self.sent.append(prepared)
            ids.append(item.fragment.set_id)
        self.outbox.note_waiting(waiting, now)
        return ids

    def acknowledge(self, now: float, *numbers: int) -> None:
        for number in numbers:
            self.outbox.acknowledge(self.sent[number].fragment, self.sent[number].ack_iv, now)

    def learned(self, round_trip_s: float = 0.5) -> None:
        """Know the round trip."""
        self.queue(1)
        self.send(0.0)
        self.acknowledge(round_trip_s, -1)


def test_while_new_fragments_wait_one_slot_in_four_is_for_repeats():
    sender = Sender()
    sender.learned()
    sender.queue(7, 40, 1.0)
    assert len(sender.send(1.0)) == 40
    sender.outbox.handle_timeout(100.0, 0.0)
    sender.queue(8, 255, 100.0)
    assert sender.send(100.0, 16) == [7, 8, 8, 8] * 4
    assert sender.counters.retransmitted_packets == 4


def test_without_new_ones_repeats_go_at_once_but_only_a_share_of_all_is_on_its_way_again():
    sender = Sender()
    sender.learned()
    sender.queue(7, 40, 1.0)
    sender.send(1.0)
    sender.outbox.handle_timeout(100.0, 0.0)
    sender.outbox.handle_timeout(200.0, 0.0)
    assert len(sender.send(200.0)) == 10
    sender.acknowledge(200.1, -1, -2)
    assert len(sender.send(200.2)) == 1  # a quarter of 38


def test_time_runs_only_for_what_the_connection_has_taken():
    sender = Sender()
    sender.learned()
    sender.queue(7, 3, 1.0)
    sender.send(1.0, waiting=2)
    assert sender.outbox.next_timeout() == 1.1  # to see what has become of the channel
    sender.outbox.handle_timeout(50.0, 0.0)
    assert sender.outbox.repeats_waiting == 1
    sender.outbox.note_waiting(0, 50.0)
    sender.acknowledge(50.5, -1)
    assert sender.counters.round_trip_s == 0.5


def test_what_tcp_has_abandoned_is_not_repeated():
    sender, delivery = Sender(), Delivery()
    sender.learned()
    sender.queue(7, 1, 1.0, delivery)
    sender.send(1.0)
    delivery.is_wanted = False
    sender.outbox.handle_timeout(50.0, 0.0)
    assert sender.send(50.0) == []
    assert not delivery.is_held


def test_what_tcp_abandons_while_it_waits_to_be_repeated_is_not_repeated_either():
    sender, delivery = Sender(), Delivery()
    sender.learned()
    sender.queue(7, 1, 1.0, delivery)
    sender.send(1.0)
    sender.outbox.handle_timeout(50.0, 0.0)
    assert sender.outbox.repeats_waiting == 1
    delivery.is_wanted = False
    assert sender.send(50.0) == []


def test_what_is_given_up_is_handed_back():
    sender, delivery = Sender(max_transmissions=2), Delivery()
    sender.learned()
    sender.queue(7, 1, 1.0, delivery)
    for now in (1.0, 50.0, 200.0):
        assert delivery.is_held
        sender.outbox.handle_timeout(now, 0.0)
        sender.send(now)
    assert not delivery.is_held
    assert sender.counters.fragments_given_up == 1
    assert len(sender.sent) == 3


def test_the_round_trip_in_the_statistics_is_that_of_all_acknowledgements():
    sender = Sender()
    sender.queue(1)
    sender.send(0.0)
    sender.outbox.handle_timeout(4.0, 0.0)
    sender.send(4.0)
    sender.acknowledge(5.0, 0)
    assert sender.counters.round_trip_s == 5.0
    sender.acknowledge(9.0, 1)
    assert sender.counters.round_trip_s == 5.0
