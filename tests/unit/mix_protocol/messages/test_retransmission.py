from ipaddress import IPv4Address
from itertools import pairwise

import pytest

from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.crypto.randomness import SeededRandom, uniform_below
from mix_protocol.messages.fragment import COVER, FragmentIdentifier
from mix_protocol.messages.preparation import PreparedPacket
from mix_protocol.messages.retransmission import LEAST_REPEATS, MAX_REMEMBERED, OverdueFragment, PendingAcks
from mix_protocol.sphinx.mix_packet import MixPacket

PACKET = MixPacket(NodeAddress(IPv4Address("10.0.0.1"), 1789), b"", KeyRotation.ODD)
FIRST, SECOND = FragmentIdentifier(1, 1), FragmentIdentifier(1, 2)
IVS = SeededRandom("ivs")


def prepared(identifier: FragmentIdentifier, drawn_s: float = 0.2) -> PreparedPacket:
    return PreparedPacket(PACKET, identifier, IVS(16), drawn_s)


@pytest.fixture
def pending() -> PendingAcks[str]:
    return PendingAcks()


def sent(pending: PendingAcks[str], identifier: FragmentIdentifier, now: float, context: str = "") -> PreparedPacket:
    packet = prepared(identifier)
    pending.register(packet, context, now)
    return packet


def identifiers(overdue: list[OverdueFragment[str]]) -> list[FragmentIdentifier]:
    return [each.identifier for each in overdue]


def test_the_first_wait_is_half_as_long_again_as_the_drawn_delays_and_three_seconds(pending: PendingAcks[str]):
    sent(pending, FIRST, 100.0, "context")
    assert pending.next_timeout() == pytest.approx(103.3)
    assert pending.due(103.2) == []
    assert pending.due(103.31) == [OverdueFragment(FIRST, "context", 1)]
    assert pending.next_timeout() is None
    assert pending.due(200.0) == []
    assert FIRST in pending


def test_an_acknowledged_fragment_is_not_due(pending: PendingAcks[str]):
    first = sent(pending, FIRST, 0.0, "first")
    sent(pending, SECOND, 1.0, "second")
    assert pending.acknowledge(FIRST, first.ack_iv, 0.5).context == "first"
    assert pending.acknowledge(FIRST, first.ack_iv, 0.5).context is None
    assert FIRST not in pending
    assert len(pending) == 1
    assert identifiers(pending.due(10.0)) == [SECOND]


def test_the_wait_follows_the_round_trip_also_of_what_is_under_way(pending: PendingAcks[str]):
    first = sent(pending, FIRST, 0.0)
    sent(pending, SECOND, 0.0)
    assert pending.acknowledge(FIRST, first.ack_iv, 2.2).round_trip_s == pytest.approx(2.2)
    # The drawn delays are no part of the estimate: 2 s for the network, and a variation of half of that.
    assert pending.round_trip.srtt_s == pytest.approx(2.0)
    assert pending.next_timeout() == pytest.approx(0.3 + 6.0)


def test_each_acknowledgement_tells_which_transmission_it_answers(pending: PendingAcks[str]):
    first = sent(pending, FIRST, 0.0)
    assert identifiers(pending.due(4.0)) == [FIRST]
    again = sent(pending, FIRST, 4.0)
    assert pending.acknowledge(FIRST, first.ack_iv, 5.0).round_trip_s == pytest.approx(5.0)
    late = pending.acknowledge(FIRST, again.ack_iv, 9.0)
    assert (late.context, late.round_trip_s) == (None, pytest.approx(5.0))
    assert pending.acknowledge(FIRST, again.ack_iv, 9.0).round_trip_s is None  # a copy tells nothing


def test_a_path_that_is_slow_from_the_start_is_learned_from_one_repeat(pending: PendingAcks[str]):
    packets = [sent(pending, FragmentIdentifier(2, position), 0.0) for position in range(1, 31)]
    assert identifiers(pending.due(4.0)) == [packets[0].fragment]
    sent(pending, packets[0].fragment, 4.0)
    assert pending.due(5.0) == []
    for packet in packets:
        pending.acknowledge(packet.fragment, packet.ack_iv, 5.2)
    assert pending.round_trip.srtt_s == pytest.approx(5.0)
    assert pending.due(100.0) == []


def test_what_is_overdue_is_judged_anew_when_more_is_known(pending: PendingAcks[str]):
    packets = [sent(pending, FragmentIdentifier(2, position), 0.0) for position in range(1, 4)]
    assert len(pending.due(4.0) + pending.due(7.0)) == 3
    assert pending.is_still_due(packets[1].fragment, 7.0)
    pending.acknowledge(packets[0].fragment, packets[0].ack_iv, 8.2)  # at 8 s the time-out is 24 s
    assert not pending.is_still_due(packets[1].fragment, 8.2)
    assert identifiers(pending.due(24.4)) == [packets[1].fragment]
    assert pending.is_still_due(packets[1].fragment, 24.4)
    pending.acknowledge(packets[2].fragment, packets[2].ack_iv, 24.4)
    assert not pending.is_still_due(packets[2].fragment, 24.4)


def test_what_is_overtaken_is_lost_and_makes_nobody_else_wait(pending: PendingAcks[str]):
    sent(pending, FIRST, 0.0)
    sent(pending, SECOND, 0.1)
    third = sent(pending, FragmentIdentifier(1, 3), 0.2)
    pending.acknowledge(third.fragment, third.ack_iv, 0.7)
    assert identifiers(pending.due(2.0)) == [FIRST, SECOND]
    assert pending.round_trip.timeout_s == 1.0


def test_a_dead_path_is_asked_less_and_less(pending: PendingAcks[str]):
    now, repeats = 0.0, []
    sent(pending, FIRST, now)
    while (deadline := pending.next_timeout()) is not None and len(repeats) < 7:
        now = deadline
        assert identifiers(pending.due(now)) == [FIRST]
        repeats.append(now)
        sent(pending, FIRST, now)
    gaps = [round(later - earlier - 0.3, 6) for earlier, later in pairwise(repeats)]
    assert gaps == [6.0, 12.0, 24.0, 48.0, 60.0, 60.0]


def test_where_each_has_a_path_of_its_own_each_backs_off_alone():
    pending: PendingAcks[str] = PendingAcks(one_path=False)
    sent(pending, FIRST, 0.0)
    assert identifiers(pending.due(4.0)) == [FIRST]
    sent(pending, FIRST, 4.0)
    sent(pending, SECOND, 4.0)
    assert identifiers(pending.due(8.0)) == [SECOND]
    assert identifiers(pending.due(10.4)) == [FIRST]


def test_before_anything_is_known_one_is_sent_again_at_a_time(pending: PendingAcks[str]):
    for position in range(1, 41):
        sent(pending, FragmentIdentifier(2, position), 0.0)
    first, *others = pending.due(1000.0)
    assert len(others) == 39
    assert pending.may_repeat
    sent(pending, first.identifier, 1000.0)
    assert not pending.may_repeat


def test_only_a_few_are_sent_again_at_a_time(pending: PendingAcks[str]):
    known = sent(pending, FIRST, 0.0)
    pending.acknowledge(FIRST, known.ack_iv, 0.7)
    packets = [sent(pending, FragmentIdentifier(2, position), 1.0) for position in range(1, 41)]
    repeated = 0
    for each in pending.due(1000.0) + pending.due(2000.0):
        if pending.may_repeat:
            sent(pending, each.identifier, 2000.0)
            repeated += 1
    assert repeated == 10
    for packet in packets:
        pending.acknowledge(packet.fragment, packet.ack_iv, 2000.1)
    assert pending._repeats == 0
    for position in range(LEAST_REPEATS):
        assert pending.may_repeat
        for _ in range(2):
            sent(pending, FragmentIdentifier(3, position + 1), 2001.0)
    assert not pending.may_repeat


def test_an_acknowledgement_that_comes_late_calls_a_retransmission_off(pending: PendingAcks[str]):
    first = sent(pending, FIRST, 0.0, "first")
    assert len(pending.due(10.0)) == 1
    assert pending.acknowledge(FIRST, first.ack_iv, 10.0).context == "first"
    assert FIRST not in pending
    assert pending.next_timeout() is None


def test_time_counts_from_when_a_packet_has_left(pending: PendingAcks[str]):
    packet = prepared(FIRST)
    pending.register(packet, "", None)
    assert FIRST in pending
    assert pending.next_timeout() is None
    pending.left(packet, 20.0)
    assert pending.next_timeout() == pytest.approx(23.3)
    assert pending.acknowledge(FIRST, packet.ack_iv, 20.7).round_trip_s == pytest.approx(0.7)


def test_an_acknowledgement_may_come_before_it_is_known_that_the_packet_has_left(pending: PendingAcks[str]):
    packet = prepared(FIRST)
    pending.register(packet, "early", None)
    assert pending.acknowledge(FIRST, packet.ack_iv, 1.0).context == "early"
    pending.left(packet, 1.1)
    assert pending.next_timeout() is None


def test_time_in_which_nobody_could_listen_does_not_count(pending: PendingAcks[str]):
    first = sent(pending, FIRST, 0.0)
    pending.excuse(60.0)
    assert pending.due(63.0) == []
    acknowledged = pending.acknowledge(FIRST, first.ack_iv, 60.7)
    assert acknowledged.round_trip_s == pytest.approx(60.7)
    assert pending.round_trip.srtt_s == pytest.approx(0.5)


def test_after_an_absence_there_is_time_to_read_what_came_but_once(pending: PendingAcks[str]):
    sent(pending, FIRST, 0.0)
    assert pending.due(10.0, late_s=6.7) == []
    assert pending.due(12.9, late_s=0.01) == []
    assert identifiers(pending.due(13.1, late_s=0.01)) == [FIRST]
    sent(pending, FIRST, 20.0)
    assert pending.due(30.0, late_s=3.7) == []
    assert identifiers(pending.due(40.0, late_s=0.06)) == [FIRST]


def test_registering_again_replaces_a_running_timer(pending: PendingAcks[str]):
    sent(pending, FIRST, 0.0, "first")
    sent(pending, FIRST, 2.0, "again")
    assert pending.transmissions(FIRST) == 2
    assert pending.due(4.0) == []
    assert pending.due(5.4) == [OverdueFragment(FIRST, "again", 2)]
    pending.forget(FIRST)
    assert pending.transmissions(FIRST) == len(pending) == 0


def test_cover_is_never_waited_for(pending: PendingAcks[str]):
    sent(pending, COVER, 0.0)
    assert len(pending) == 0
    assert pending.next_timeout() is None


def test_what_is_due_comes_in_order_of_time(pending: PendingAcks[str]):
    random = SeededRandom("order")
    for position in range(1, 200):
        drawn_s = uniform_below(random, 1000) / 100
        pending.register(prepared(FragmentIdentifier(1, position), drawn_s), f"{drawn_s:06.2f}", 0.0)
    drawn = [overdue.context for overdue in pending.due(100.0)]
    assert len(drawn) == 199
    assert drawn == sorted(drawn)


def test_cancelled_timers_and_old_transmissions_do_not_pile_up(pending: PendingAcks[str]):
    last = FragmentIdentifier(2**31 - 1, 1)
    sent(pending, last, 0.0, "stays")
    for set_id in range(1, 20_000):
        identifier = FragmentIdentifier(set_id, 1)
        sent(pending, identifier, 0.0)
        pending.acknowledge(identifier, bytes(16), 0.0)
    assert len(pending._timers) < 200
    assert len(pending._transmissions) <= MAX_REMEMBERED
    assert identifiers(pending.due(1e9)) == [last]
