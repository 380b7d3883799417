from ipaddress import IPv4Address

import pytest

from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.crypto.randomness import SeededRandom, uniform_below
from mix_protocol.messages.fragment import COVER, FragmentIdentifier
from mix_protocol.messages.preparation import PreparedPacket
from mix_protocol.messages.retransmission import OverdueFragment, PendingAcks
from mix_protocol.sphinx.mix_packet import MixPacket

PACKET = MixPacket(NodeAddress(IPv4Address("10.0.0.1"), 1789), b"", KeyRotation.ODD)


def prepared(identifier: FragmentIdentifier, round_trip_s: float = 1.0) -> PreparedPacket:
    return PreparedPacket(PACKET, identifier, round_trip_s)


@pytest.fixture
def pending() -> PendingAcks[str]:
    return PendingAcks()


def test_the_wait_is_half_as_long_again_and_a_second_and_a_half(pending: PendingAcks[str]):
    first = FragmentIdentifier(1, 1)
    pending.register(prepared(first, 0.2), "context", 100.0)
    assert pending.next_timeout() == pytest.approx(101.8)
    assert pending.due(101.7) == []
    assert pending.due(101.81) == [OverdueFragment(first, "context", 1)]
    assert pending.next_timeout() is None
    assert pending.due(200.0) == []
    assert first in pending


def test_an_acknowledged_fragment_is_not_due(pending: PendingAcks[str]):
    first, second = FragmentIdentifier(1, 1), FragmentIdentifier(1, 2)
    pending.register(prepared(first), "first", 0.0)
    pending.register(prepared(second), "second", 1.0)
    assert pending.acknowledge(first) == "first"
    assert pending.acknowledge(first) is None
    assert first not in pending
    assert len(pending) == 1
    assert pending.next_timeout() == 4.0
    assert [overdue.identifier for overdue in pending.due(10.0)] == [second]


def test_an_acknowledgement_that_comes_late_calls_a_retransmission_off(pending: PendingAcks[str]):
    first = FragmentIdentifier(1, 1)
    pending.register(prepared(first), "first", 0.0)
    assert len(pending.due(10.0)) == 1
    assert pending.acknowledge(first) == "first"
    assert first not in pending
    assert pending.next_timeout() is None


def test_retransmissions_are_counted_and_restart_the_timer(pending: PendingAcks[str]):
    first = FragmentIdentifier(1, 1)
    for count in (1, 2, 3):
        pending.register(prepared(first), f"number {count}", count * 10.0)
        assert pending.next_timeout() == count * 10.0 + 3.0
        assert pending.transmissions(first) == count
        assert pending.due(count * 10.0 + 3.0) == [OverdueFragment(first, f"number {count}", count)]
    pending.forget(first)
    assert pending.transmissions(first) == 0
    assert len(pending) == 0


def test_registering_again_replaces_a_running_timer(pending: PendingAcks[str]):
    first = FragmentIdentifier(1, 1)
    pending.register(prepared(first), "first", 0.0)
    pending.register(prepared(first), "again", 2.0)
    assert pending.next_timeout() == 5.0
    assert pending.due(4.0) == []
    assert pending.due(5.0) == [OverdueFragment(first, "again", 2)]


def test_cover_is_never_waited_for(pending: PendingAcks[str]):
    pending.register(prepared(COVER), "cover", 0.0)
    assert len(pending) == 0
    assert pending.next_timeout() is None
    assert pending.acknowledge(COVER) is None


def test_what_is_due_comes_in_order_of_time(pending: PendingAcks[str]):
    random = SeededRandom("order")
    for position in range(1, 200):
        trip = uniform_below(random, 1000) / 100
        pending.register(prepared(FragmentIdentifier(1, position), trip), f"{trip:06.2f}", 0.0)
    trips = [overdue.context for overdue in pending.due(100.0)]
    assert len(trips) == 199
    assert trips == sorted(trips)


def test_cancelled_timers_do_not_pile_up(pending: PendingAcks[str]):
    last = FragmentIdentifier(2**31 - 1, 1)
    pending.register(prepared(last), "stays", 0.0)
    for set_id in range(1, 20_000):
        pending.register(prepared(FragmentIdentifier(set_id, 1)), "goes", float(set_id))
        pending.acknowledge(FragmentIdentifier(set_id, 1))
    assert len(pending._timers) < 200
    assert pending.next_timeout() == 3.0
    assert pending.due(1e9) == [OverdueFragment(last, "stays", 1)]
