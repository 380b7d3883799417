"""Receiving: reassembly, acknowledgments, SACK and DSACK, the window, and attackers."""

from __future__ import annotations

import pytest
from support.tcp_conversation import ACK, FIN, RST, SYN, TcpConversation

from mix_protocol.netstack import TcpConfig, TcpState


def test_every_second_full_segment_is_acknowledged_at_once() -> None:
    talk = TcpConversation()
    talk.establish()
    talk.hear(ACK, 1, 1, bytes(1000))
    talk.silence()
    talk.hear(ACK, 1001, 1, bytes(1000))
    talk.expect(ACK, sequence=1, ack=2001)


def test_a_lone_segment_is_acknowledged_a_little_later() -> None:
    talk = TcpConversation(TcpConfig(delayed_ack_s=0.05))
    talk.establish()
    talk.hear(ACK, 1, 1, b"lone")
    talk.silence()
    assert talk.wait_for_timeout() == pytest.approx(0.05)
    talk.expect(ACK, ack=5)


def test_data_carries_the_acknowledgment() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    talk.hear(ACK, 1, 1, b"ping")
    connection.send(b"pong")
    talk.expect(ACK, sequence=1, ack=5, payload=b"pong")
    talk.wait(0.1)
    talk.silence()


def test_many_arrivals_between_two_looks_cost_one_acknowledgment() -> None:
    talk = TcpConversation()
    talk.establish()
    for at in range(1, 20001, 1000):
        talk.hear(ACK, at, 1, bytes(1000))
    talk.expect(ACK, ack=20001)


def test_segments_in_any_order_come_out_in_order() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    text = bytes(range(100))
    for at in (40, 90, 0, 60, 20, 80, 10, 50, 70, 30):
        talk.hear(ACK, 1 + at, 1, text[at : at + 10])
    assert connection.receivable == 100
    assert connection.receive() == text


def test_many_holes_are_kept_and_overlaps_too() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    text = bytes(i * 7 % 256 for i in range(2000))
    for at in range(10, 2000, 20):
        talk.hear(ACK, 1 + at, 1, text[at : at + 10])
    assert connection.receivable == 0
    for at in range(0, 2000, 50):
        talk.hear(ACK, 1 + at, 1, text[at : at + 60])
    assert connection.receive() == text


def test_sack_names_the_latest_island_first_and_tells_them_all() -> None:
    talk = TcpConversation()
    talk.establish()
    for at in (1001, 3001, 5001):
        talk.hear(ACK, at, 1, bytes(1000))
    acks = talk.say()
    assert acks[0].sacks == [(5001, 6001), (3001, 4001), (1001, 2001)]
    assert acks[0].ack == 1
    for at in range(7001, 27001, 2000):
        talk.hear(ACK, at, 1, bytes(1000))
    named = {block for said in talk.say() for block in said.sacks}
    assert {(at, at + 1000) for at in range(7001, 27001, 2000)} <= named


def test_sack_is_not_sent_to_a_peer_that_has_not_asked_for_it() -> None:
    talk = TcpConversation()
    talk.connect()
    talk.expect(SYN)
    talk.hear(SYN | ACK, 0, 1, mss=1000)
    talk.expect(ACK)
    talk.hear(ACK, 1001, 1, bytes(1000))
    talk.hear(ACK, 2001, 1, bytes(1000))
    assert talk.expect(ACK, ack=1).sacks == []


def test_a_hole_that_closes_soon_needs_no_acknowledgment_of_its_own() -> None:
    talk = TcpConversation(TcpConfig(reordering_ack_delay_s=0.02))
    talk.establish()
    talk.hear(ACK, 1001, 1, bytes(1000))
    talk.silence()
    assert talk.wait_for_timeout() == pytest.approx(0.02)
    assert talk.expect(ACK, ack=1).sacks == [(1001, 2001)]


def test_with_no_reordering_delay_each_segment_beyond_a_hole_is_acknowledged() -> None:
    talk = TcpConversation(TcpConfig(reordering_ack_delay_s=0.0))
    talk.establish()
    talk.hear(ACK, 1001, 1, bytes(1000))
    talk.expect(ACK, ack=1)


def test_a_duplicate_is_reported_once() -> None:
    talk = TcpConversation()
    talk.establish()
    talk.hear(ACK, 1, 1, bytes(1000))
    talk.hear(ACK, 1, 1, bytes(1000))
    assert talk.expect(ACK, ack=1001).sacks == [(1, 1001)]
    talk.hear(ACK, 2001, 1, bytes(1000))
    talk.hear(ACK, 2001, 1, bytes(1000))
    assert talk.expect(ACK, ack=1001).sacks == [(2001, 3001), (2001, 3001)]
    talk.wait(1.0)
    talk.silence()


def test_our_sack_shortens_our_data_segments() -> None:
    """RFC 6691: options come out of the MSS, so the packets stay within the link."""
    talk = TcpConversation(mtu_bytes=1040)
    connection = talk.establish(mss=1000)
    talk.hear(ACK, 2001, 1, bytes(500))
    connection.send(bytes(5000))
    said = talk.say()
    assert said[0].sacks == [(2001, 2501)]
    for one in said:
        assert len(one.payload) + 4 * bool(one.sacks) + 8 * len(one.sacks) <= 1000
    assert sum(len(one.payload) for one in said) == 5000


def test_the_window_shuts_as_data_waits_and_opens_as_it_is_read() -> None:
    talk = TcpConversation(TcpConfig(receive_buffer_bytes=4000))
    connection = talk.establish()
    for at in range(1, 4001, 1000):
        talk.hear(ACK, at, 1, bytes(1000))
    assert talk.expect(ACK, ack=4001).window == 0
    assert len(connection.receive(100)) == 100
    talk.silence()  # a silly window is not worth a segment
    assert len(connection.receive(2000)) == 2000
    assert talk.expect(ACK, ack=4001).window == 2100


def test_data_beyond_the_window_is_not_taken() -> None:
    talk = TcpConversation(TcpConfig(receive_buffer_bytes=4000))
    connection = talk.establish()
    talk.hear(ACK, 3001, 1, bytes(2000))
    talk.hear(ACK, 1, 1, bytes(3000))
    talk.wait_for_timeout()
    assert talk.expect(ACK, ack=4001).window == 0
    talk.hear(ACK, 4001, 1, b"probe")
    assert talk.expect(ACK, ack=4001).window == 0
    assert connection.receivable == 4000


def test_a_shut_window_still_hears_acknowledgments() -> None:
    talk = TcpConversation(TcpConfig(receive_buffer_bytes=4000))
    connection = talk.establish()
    connection.send(b"abc")
    talk.say()
    for at in range(1, 4001, 1000):
        talk.hear(ACK, at, 1, bytes(1000))
    talk.say()
    talk.hear(ACK, 4001, 4, b"x")
    assert connection.unacknowledged == 0


def test_an_acknowledgment_that_overtakes_the_data_which_fills_the_window_counts() -> None:
    talk = TcpConversation(TcpConfig(receive_buffer_bytes=4000))
    connection = talk.establish()
    connection.send(b"abc")
    talk.say()
    talk.hear(ACK, 4001, 4)
    assert connection.unacknowledged == 0
    talk.silence()


def test_a_slow_reader_does_not_cost_an_acknowledgment_for_each_read() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    for at in range(1, 20001, 1000):
        talk.hear(ACK, at, 1, bytes(1000))
    talk.expect(ACK, ack=20001)
    for _ in range(20):
        connection.receive(1000)
        talk.silence()


def test_a_reset_counts_only_at_the_windows_start() -> None:
    """RFC 5961 section 3."""
    talk = TcpConversation()
    connection = talk.establish()
    talk.hear(RST, 2)
    assert connection.state is TcpState.ESTABLISHED
    talk.expect(ACK, sequence=1, ack=1)
    talk.hear(RST, 0)
    talk.hear(RST, 10_000_000)
    talk.silence()
    talk.hear(RST, 1)
    assert connection.state is TcpState.CLOSED


def test_a_syn_within_a_connection_is_challenged() -> None:
    """RFC 5961 section 4."""
    talk = TcpConversation()
    connection = talk.establish()
    for sequence in (0, 1, 5, 10_000_000):
        talk.hear(SYN, sequence)
        talk.expect(ACK, sequence=1, ack=1)
    assert connection.state is TcpState.ESTABLISHED


@pytest.mark.parametrize("ack", [5, 100_000, -70_000])
def test_a_blind_acknowledgment_is_challenged_and_its_data_dropped(ack: int) -> None:
    """RFC 5961 section 5."""
    talk = TcpConversation()
    connection = talk.establish()
    talk.hear(ACK, 1, ack, b"injected")
    talk.expect(ACK, sequence=1, ack=1)
    assert connection.receivable == 0


def test_challenges_are_few() -> None:
    talk = TcpConversation()
    talk.establish()
    answers = 0
    for _ in range(50):
        talk.hear(SYN, 1)
        answers += len(talk.say())
    assert answers == 5
    talk.wait(1.0)
    talk.hear(SYN, 1)
    talk.expect(ACK)


def test_segments_without_ack_are_ignored() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    talk.hear(0, 1, None, b"data")
    talk.hear(FIN, 1)
    talk.silence()
    assert connection.receivable == 0
    assert connection.state is TcpState.ESTABLISHED


def test_an_overtaken_acknowledgment_counts_and_is_not_answered() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    connection.send(b"abc")
    talk.say()
    talk.hear(ACK, 1, 1, b"data that has overtaken it")
    talk.wait(0.1)
    talk.say()
    talk.hear(ACK, 10, 4)
    assert connection.unacknowledged == 0
    talk.silence()


def test_a_keep_alive_probe_is_answered() -> None:
    talk = TcpConversation()
    talk.establish()
    talk.hear(ACK, 0, 1)
    talk.expect(ACK, sequence=1, ack=1)
    talk.hear(ACK, 0, 1, b"\0")
    talk.expect(ACK, sequence=1, ack=1)


def test_sequence_numbers_wrap() -> None:
    talk = TcpConversation(peer_iss=2**32 - 500)
    connection = talk.establish()
    talk.hear(ACK, 401, 1, b"b" * 400)
    talk.hear(ACK, 1, 1, b"a" * 400)
    talk.wait_for_timeout()
    assert talk.expect(ACK, ack=801).segment.acknowledgment == 301
    assert connection.receive() == b"a" * 400 + b"b" * 400


def test_events_tell_of_data_and_eof() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    events: list[tuple[int, bool]] = []
    connection.on_event = lambda: events.append((connection.receivable, connection.at_eof))
    talk.hear(ACK, 4, 1, b"later")
    assert events == []
    talk.hear(ACK, 1, 1, b"now")
    assert events == [(8, False)]
    connection.receive()
    talk.hear(FIN | ACK, 9, 1)
    assert events[-1] == (0, True)
