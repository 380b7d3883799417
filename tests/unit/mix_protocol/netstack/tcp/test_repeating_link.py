"""TCP over a link that repeats what it loses: one of the two repeats, and each knows what the other does."""

from __future__ import annotations

import pytest
from support.tcp_conversation import ACK, RST, SYN, TcpConversation

from mix_protocol.delivery import Delivery
from mix_protocol.netstack import TcpConfig
from mix_protocol.netstack.errors import ConnectionTimedOut, ConnectTimedOut


class LinkedConversation(TcpConversation):
    """The link takes every packet and says what it did with it when the test does."""

    def held(self) -> list[Delivery]:
        """What the link has taken of what was said since the last call."""
        deliveries = [delivery for delivery in self.deliveries if delivery is not None]
        self.deliveries.clear()
        for delivery in deliveries:
            delivery.take()
        return deliveries


@pytest.fixture
def talk() -> LinkedConversation:
    return LinkedConversation()


def established(talk: LinkedConversation, rtt_s: float = 0.3) -> None:
    """A connection whose round trip is known."""
    talk.connect()
    talk.expect(SYN)
    talk.wait(rtt_s)
    talk.hear(SYN | ACK, 0, 1, mss=1000, sack=True)
    talk.expect(ACK)
    talk.deliveries.clear()


def test_what_the_link_still_has_is_not_sent_again(talk: LinkedConversation):
    established(talk)
    talk.connection.send(bytes(3000))
    assert len(talk.say()) == 3
    talk.held()
    for _ in range(60):
        talk.wait(1.0)
        talk.silence()
    assert talk.connection.statistics.rto_s == 1.0
    talk.hear(ACK, 1, 3001)
    assert talk.connection.statistics.retransmitted_segments == 0


def test_time_counts_from_when_the_link_has_delivered_it(talk: LinkedConversation):
    established(talk)
    talk.connection.send(bytes(1000))
    talk.expect(ACK, sequence=1)
    [delivery] = talk.held()
    talk.wait(5.5)
    delivery.delivered(talk.now)
    talk.wait(0.9)
    talk.silence()
    talk.wait(1.2)
    talk.expect(ACK, sequence=1)


def test_what_the_link_gave_up_is_tcps_to_repeat(talk: LinkedConversation):
    established(talk)
    talk.connection.send(bytes(1000))
    talk.expect(ACK, sequence=1)
    [delivery] = talk.held()
    talk.wait(1.0)
    talk.silence()
    delivery.given_up()
    talk.wait(1.0)
    talk.expect(ACK, sequence=1)
    [again] = talk.held()
    assert not delivery.is_wanted
    assert again.is_wanted


def test_reordering_behind_something_held_loses_nothing(talk: LinkedConversation):
    established(talk)
    talk.connection.send(bytes(4000))
    assert len(talk.say()) == 4
    first, *others = talk.held()
    for delivery in others:
        delivery.delivered(talk.now)
    talk.wait(0.3)
    talk.hear(ACK, 1, 1, sacks=((1001, 4001),))
    for _ in range(20):
        talk.wait(0.5)
        talk.silence()
    first.delivered(talk.now)
    talk.hear(ACK, 1, 4001)
    talk.silence()
    assert talk.connection.statistics.retransmitted_segments == 0


def test_what_was_delivered_and_overtaken_is_lost_behind_the_link(talk: LinkedConversation):
    established(talk)
    talk.connection.send(bytes(4000))
    assert len(talk.say()) == 4
    for delivery in talk.held():
        delivery.delivered(talk.now)
    talk.wait(0.3)
    talk.hear(ACK, 1, 1, sacks=((1001, 4001),))
    talk.wait(0.7)
    talk.expect(ACK, sequence=1)


def test_the_link_hears_what_is_not_wanted_any_more(talk: LinkedConversation):
    established(talk)
    talk.connection.send(bytes(3000))
    talk.say()
    first, second, third = talk.held()
    talk.hear(ACK, 1, 1001, sacks=((2001, 3001),))
    assert [first.is_wanted, second.is_wanted, third.is_wanted] == [False, True, False]
    talk.connection.abort()
    assert not second.is_wanted
    talk.expect(RST | ACK)
    assert talk.deliveries[-1] is None  # TCP would not repeat it: the link may as it likes


def test_a_peer_that_never_answers_is_noticed_all_the_same(talk: LinkedConversation):
    established(talk)
    talk.connection.send(bytes(1000))
    talk.expect(ACK, sequence=1)
    talk.held()
    talk.wait_for_timeout()
    assert isinstance(talk.connection.error, ConnectionTimedOut)
    assert 120.0 <= talk.now - 100.0 < 122.0


def test_a_syn_is_repeated_by_one_of_the_two():
    talk = LinkedConversation(TcpConfig(connect_timeout_s=30.0))
    talk.connect()
    talk.expect(SYN)
    [syn] = talk.held()
    talk.wait(10.0)
    talk.silence()
    syn.delivered(talk.now)
    talk.wait(2.0)
    talk.silence()
    talk.wait(1.1)
    talk.expect(SYN)
    [again] = talk.held()
    assert not syn.is_wanted
    talk.wait_for_timeout()
    assert isinstance(talk.connection.error, ConnectTimedOut)
    assert not again.is_wanted


def test_a_syn_waits_for_two_round_trips_of_a_slow_path(talk: LinkedConversation):
    talk.stack.path_round_trip_s = 4.0
    talk.connect()
    talk.expect(SYN)
    assert talk.wait_for_timeout() == pytest.approx(8.0)


def test_a_path_slower_than_the_first_time_out_is_learned():
    """Karn: what was backed off stays so until something that was sent once has been measured."""
    talk = TcpConversation()
    talk.connect()
    talk.expect(SYN)
    talk.wait(3.0)
    talk.expect(SYN)
    talk.wait(2.0)
    talk.hear(SYN | ACK, 0, 1, mss=1000, sack=True)
    talk.expect(ACK)
    at = 1
    for _ in range(5):
        talk.connection.send(bytes(1000))
        talk.expect(ACK, sequence=at)
        talk.wait(5.0)
        talk.silence()
        at += 1000
        talk.hear(ACK, 1, at)
    assert talk.connection.statistics.srtt_s == pytest.approx(5.0)
    assert talk.connection.statistics.retransmitted_segments == 0


def test_a_path_that_becomes_slow_is_learned_from_single_segments(talk: LinkedConversation):
    established(talk)
    at, resent = 1, []
    for _ in range(20):
        talk.connection.send(bytes(1000))
        talk.say()
        for _ in range(30):
            talk.wait(0.1)
            talk.say()
        at += 1000
        talk.hear(ACK, 1, at)
        resent.append(talk.connection.statistics.retransmitted_segments)
    assert resent[9] == resent[-1] <= 8
    assert talk.connection.statistics.srtt_s == pytest.approx(3.0, rel=0.2)
