"""Sending: segmentation, windows, retransmission, loss detection, recovery, probes and time-outs."""

from __future__ import annotations

import pytest
from support.tcp_conversation import ACK, FIN, PSH, SYN, Said, TcpConversation

from mix_protocol.netstack import TcpConfig, TcpState
from mix_protocol.netstack.errors import ConnectionTimedOut


def sequences(said: list[Said]) -> list[int]:
    return [one.sequence for one in said]


def warm(talk: TcpConversation, rtt_s: float = 0.1, rounds: int = 12) -> int:
    """Exchange single segments until the round trip is known; gives our next sequence number."""
    connection = talk.connection
    assert connection is not None
    at = 1
    for _ in range(rounds):
        connection.send(bytes(1000))
        talk.expect(ACK, sequence=at)
        talk.wait(rtt_s)
        at += 1000
        talk.hear(ACK, 1, at)
        talk.silence()
    return at


def test_a_stream_is_cut_into_segments_and_pushed_at_its_end() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    text = bytes(range(250)) * 10
    assert connection.send(text) == 2500
    said = talk.say()
    assert b"".join(one.payload for one in said) == text
    assert [bool(one.flags & PSH) for one in said] == [False, False, True]
    assert sequences(said) == [1, 1001, 2001]


def test_the_initial_window_is_ten_segments_and_slow_start_doubles_it() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    connection.send(bytes(100_000))
    assert len(talk.say()) == 10
    talk.hear(ACK, 1, 10_001)
    assert len(talk.say()) == 20


def test_the_peers_window_is_respected() -> None:
    talk = TcpConversation()
    connection = talk.establish(window=2500)
    connection.send(bytes(5000))
    assert sequences(talk.say()) == [1, 1001]  # half a segment would be a silly one
    talk.hear(ACK, 1, 2001, window=2500)
    assert sequences(talk.say()) == [2001, 3001]


def test_small_rests_of_a_window_are_not_used() -> None:
    """The sender's side of silly window avoidance."""
    talk = TcpConversation()
    connection = talk.establish(window=10_300)
    connection.send(bytes(20_000))
    talk.say()
    talk.hear(ACK, 1, 10_001, window=10_300)
    talk.say()
    talk.hear(ACK, 1, 20_001, window=10_300)
    talk.silence()
    assert connection.unacknowledged == 0


def test_the_send_buffer_is_bounded_and_its_owner_hears_of_room() -> None:
    talk = TcpConversation(TcpConfig(send_buffer_bytes=4096))
    connection = talk.establish()
    events: list[int] = []
    connection.on_event = lambda: events.append(connection.send_capacity)
    assert connection.send(bytes(10_000)) == 4096
    assert connection.send(b"x") == 0
    talk.say()
    talk.hear(ACK, 1, 1001)
    assert events == [1000]


def test_nagle_holds_small_segments_back() -> None:
    talk = TcpConversation(TcpConfig(nagle=True))
    connection = talk.establish()
    connection.send(b"a")
    talk.expect(ACK, payload=b"a")
    connection.send(b"b")
    connection.send(b"c")
    talk.silence()
    talk.hear(ACK, 1, 2)
    talk.expect(ACK, payload=b"bc")


def test_without_nagle_they_leave_at_once() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    for text in (b"a", b"b"):
        connection.send(text)
        talk.expect(ACK, payload=text)


def test_a_lost_segment_is_sent_again_with_backoff_until_the_user_timeout() -> None:
    talk = TcpConversation(TcpConfig(user_timeout_s=20.0, minimum_rto_s=1.0))
    connection = talk.establish()
    connection.send(b"lost")
    talk.expect(ACK)
    started = talk.now
    times = []
    while connection.state is not TcpState.CLOSED:
        talk.wait_for_timeout()
        if connection.state is not TcpState.CLOSED:
            talk.expect(ACK, sequence=1, payload=b"lost")
            times.append(round(talk.now - started, 3))
    # The tail loss probe, then the time-out and its doubling.
    assert times == [0.21, 1.21, 3.21, 7.21, 15.21]
    assert isinstance(connection.error, ConnectionTimedOut)
    talk.silence()


def test_the_timeout_shrinks_the_window_to_one_segment_and_sends_the_rest_as_it_is_acknowledged() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    connection.send(bytes(5000))
    assert len(talk.say()) == 5
    talk.wait(30.0)
    assert sequences(talk.say()) == [1]
    talk.hear(ACK, 1, 1001)
    assert sequences(talk.say()) == [1001, 2001]
    talk.hear(ACK, 1, 3001)
    assert sequences(talk.say()) == [3001, 4001]
    talk.hear(ACK, 1, 5001)
    assert connection.unacknowledged == 0
    assert connection.statistics.retransmitted_segments == 5


def test_reordering_alone_resends_nothing() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    at = warm(talk)
    connection.send(bytes(10_000))
    talk.say()
    talk.wait(0.1)
    # Everything but the first arrives first; that would be nine duplicate acknowledgments.
    for end in range(at + 2000, at + 10_001, 1000):
        talk.hear(ACK, 1, at, sacks=((at + 1000, end),))
        talk.silence()
    talk.wait(0.02)
    talk.silence()
    talk.hear(ACK, 1, at + 10_000)
    talk.wait(10.0)
    talk.silence()
    assert connection.statistics.retransmitted_segments == 0


def test_a_hole_that_stays_is_filled_before_the_timeout() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    at = warm(talk)
    connection.send(bytes(10_000))
    talk.say()
    talk.wait(0.1)
    talk.hear(ACK, 1, at, sacks=((at + 1000, at + 10_000),))
    before = connection.statistics.cwnd_bytes
    talk.silence()
    waited = talk.wait_for_timeout()
    assert 0.01 < waited < 0.2
    talk.expect(ACK, sequence=at)
    talk.wait(0.1)
    talk.hear(ACK, 1, at + 10_000)
    assert connection.statistics.cwnd_bytes == before * 7 // 10
    assert connection.statistics.retransmitted_segments == 1


def test_only_the_holes_are_resent() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    at = warm(talk)
    connection.send(bytes(10_000))
    talk.say()
    talk.wait(0.1)
    talk.hear(ACK, 1, at, sacks=((at + 1000, at + 3000), (at + 4000, at + 7000), (at + 8000, at + 10_000)))
    talk.wait(0.2)
    resent = sequences(talk.say())
    talk.hear(ACK, 1, at + 3000, sacks=((at + 4000, at + 7000), (at + 8000, at + 10_000)))
    resent += sequences(talk.say())
    assert resent == [at, at + 3000, at + 7000]


def test_a_lost_retransmission_is_noticed_without_a_timeout() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    at = warm(talk)
    connection.send(bytes(30_000))
    talk.say()
    talk.wait(0.1)
    talk.hear(ACK, 1, at, sacks=((at + 1000, at + 10_000),))
    last = talk.say()[-1]
    talk.wait(0.15)
    resent = talk.say()
    assert sequences(resent)[0] == at
    talk.hear(ACK, 1, at, sacks=((at + 1000, last.sequence + 1000),))
    connection.send(bytes(5000))
    later = talk.say()
    talk.wait(0.1)
    # What was sent after the retransmission arrives, the retransmission does not.
    talk.hear(ACK, 1, at, sacks=((at + 1000, later[-1].sequence + 1000),))
    talk.wait(0.2)
    assert at in sequences(talk.say())


def test_a_needless_retransmission_is_undone_when_the_peer_reports_it() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    at = warm(talk)
    before = connection.statistics.cwnd_bytes
    connection.send(bytes(10_000))
    talk.say()
    talk.wait(0.1)
    talk.hear(ACK, 1, at, sacks=((at + 1000, at + 10_000),))
    talk.wait(0.5)
    talk.expect(ACK, sequence=at)
    assert connection.statistics.cwnd_bytes < before
    talk.hear(ACK, 1, at + 10_000)  # the original arrived after all
    talk.hear(ACK, 1, at + 10_000, sacks=((at, at + 1000),))
    assert connection.statistics.cwnd_bytes >= before


def test_a_lost_tail_is_probed_before_the_timeout() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    at = warm(talk)
    connection.send(bytes(3000))
    talk.say()
    waited = talk.wait_for_timeout()
    assert waited == pytest.approx(2 * connection.statistics.srtt_s)
    talk.expect(ACK | PSH, sequence=at + 2000)  # the last one: its SACK shows the holes
    talk.wait(0.1)
    talk.hear(ACK, 1, at, sacks=((at + 2000, at + 3000),))
    talk.wait(0.25)
    assert sequences(talk.say()) == [at]
    talk.hear(ACK, 1, at + 1000, sacks=((at + 2000, at + 3000),))
    assert sequences(talk.say()) == [at + 1000]


def test_without_sack_three_duplicates_resend_the_first() -> None:
    talk = TcpConversation()
    connection = talk.connect()
    talk.expect(SYN)
    talk.hear(SYN | ACK, 0, 1, mss=1000)
    talk.expect(ACK)
    connection.send(bytes(9000))
    talk.say()
    for _ in range(2):
        talk.hear(ACK, 1, 1)
        talk.silence()
    talk.hear(ACK, 1, 1)
    talk.expect(ACK, sequence=1)
    talk.hear(ACK, 1, 3001)  # partial: the next hole follows at once
    assert 3001 in sequences(talk.say())
    talk.hear(ACK, 1, 9001)
    assert connection.unacknowledged == 0


def test_karn_no_sample_from_what_left_twice() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    connection.send(b"x")
    talk.say()
    before = connection.statistics.srtt_s
    talk.wait(10.0)
    talk.say()
    talk.wait(0.001)
    talk.hear(ACK, 1, 2)
    assert connection.statistics.srtt_s == before


def test_a_shut_window_is_probed_with_backoff_as_long_as_the_peer_answers() -> None:
    talk = TcpConversation(TcpConfig(user_timeout_s=30.0))
    connection = talk.establish(window=1000)
    connection.send(bytes(3000))
    talk.expect(ACK, sequence=1)
    talk.hear(ACK, 1, 1001, window=0)
    talk.silence()
    pauses = []
    for _ in range(8):
        pauses.append(round(talk.wait_for_timeout(), 3))
        talk.expect(ACK, sequence=1000, payload=b"")
        talk.hear(ACK, 1, 1001, window=0)
        talk.silence()
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    talk.hear(ACK, 1, 1001, window=5000)
    assert sequences(talk.say()) == [1001, 2001]


def test_an_unanswered_window_probe_times_out() -> None:
    talk = TcpConversation(TcpConfig(user_timeout_s=10.0))
    connection = talk.establish(window=1000)
    connection.send(bytes(3000))
    talk.say()
    talk.hear(ACK, 1, 1001, window=0)
    for _ in range(10):
        talk.wait_for_timeout()
        talk.say()
    assert isinstance(connection.error, ConnectionTimedOut)


def test_a_fin_waits_for_a_shut_window_too() -> None:
    talk = TcpConversation()
    connection = talk.establish(window=1000)
    connection.send(bytes(1000))
    connection.close()
    talk.expect(ACK | PSH, sequence=1)
    talk.hear(ACK, 1, 1001, window=0)
    talk.silence()
    talk.hear(ACK, 1, 1001, window=1000)
    talk.expect(FIN | ACK, sequence=1001)


def test_a_window_that_stays_small_is_used_after_a_while() -> None:
    talk = TcpConversation()
    connection = talk.establish(window=8000)
    connection.send(bytes(9000))
    talk.say()
    talk.hear(ACK, 1, 8001, window=100)
    talk.silence()
    talk.wait_for_timeout()
    assert len(talk.expect(ACK, sequence=8001).payload) == 100


def test_keep_alive_probes_an_idle_peer_and_gives_it_up() -> None:
    talk = TcpConversation(TcpConfig(keep_alive_idle_s=60.0, keep_alive_interval_s=10.0, keep_alive_probes=3))
    connection = talk.establish()
    assert talk.wait_for_timeout() == pytest.approx(60.0)
    talk.expect(ACK, sequence=0, ack=1, payload=b"")
    talk.hear(ACK, 1, 1)
    assert talk.wait_for_timeout() == pytest.approx(60.0)
    for _ in range(3):
        talk.expect(ACK, sequence=0)
        assert talk.wait_for_timeout() == pytest.approx(10.0)
    assert isinstance(connection.error, ConnectionTimedOut)


def test_keep_alive_can_be_switched_on_later() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    talk.wait(100.0)
    talk.silence()
    connection.keep_alive_idle_s = 150.0
    talk.silence()
    assert talk.wait_for_timeout() == pytest.approx(50.0)
    talk.expect(ACK, sequence=0)


def test_keep_alive_waits_for_the_handshake() -> None:
    talk = TcpConversation()
    connection = talk.connect()
    connection.keep_alive_idle_s = 1.0
    talk.expect(SYN)
    assert talk.wait_for_timeout() == pytest.approx(3.0)
    talk.expect(SYN)
    talk.hear(SYN | ACK, 0, 1)
    talk.expect(ACK)
    assert talk.wait_for_timeout() == pytest.approx(1.0)
    talk.expect(ACK, sequence=0)


def test_an_idle_connection_starts_over_from_the_initial_window() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    connection.send(bytes(60_000))
    end = 1
    while connection.unacknowledged:
        end += sum(len(one.payload) for one in talk.say())
        talk.hear(ACK, 1, end)
    assert connection.statistics.cwnd_bytes > 30_000
    talk.wait(100.0)
    connection.send(bytes(60_000))
    assert len(talk.say()) == 10


def test_a_peer_that_forgets_what_it_has_sacked_gets_it_again() -> None:
    """RFC 2018 section 8: after a time-out nothing that was SACKed is trusted."""
    talk = TcpConversation()
    connection = talk.establish()
    connection.send(bytes(3000))
    talk.say()
    talk.hear(ACK, 1, 1, sacks=((1001, 3001),))
    talk.hear(ACK, 1, 1001)  # without the rest, though it was there
    end = 1001
    for _ in range(10):
        talk.wait_for_timeout()
        for one in talk.say():
            if one.sequence == end:
                end += len(one.payload)
        talk.hear(ACK, 1, end)
        if end == 3001:
            break
    assert connection.unacknowledged == 0


def test_false_sack_blocks_change_nothing() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    connection.send(bytes(3000))
    talk.say()
    talk.hear(ACK, 1, 1, sacks=((3001, 90_000), (2001, 1001), (-5000, -10)))
    talk.silence()
    assert connection.statistics.in_flight_bytes == 3000


def test_sack_blocks_mean_nothing_when_sack_was_not_agreed_on() -> None:
    # RFC 2018 section 2: without the option on both SYNs there is no SACK; three duplicates condemn the first segment.
    talk = TcpConversation()
    connection = talk.connect()
    talk.expect(SYN)
    talk.hear(SYN | ACK, 0, 1, mss=1000)
    talk.expect(ACK)
    connection.send(bytes(3000))
    assert sequences(talk.say()) == [1, 1001, 2001]
    talk.hear(ACK, 1, 1, sacks=((1, 1001),))
    for _ in range(3):
        talk.hear(ACK, 1, 1)
    assert sequences(talk.say()) == [1]


def test_a_probe_of_the_tail_that_waits_is_not_sent_when_all_was_sacked_meanwhile() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    at = warm(talk)
    connection.send(bytes(1000))
    talk.expect(ACK, sequence=at)
    talk.wait(0.45)  # two round trips and the delay of an acknowledgment: the probe is due, and not asked for yet
    talk.hear(ACK, 1, at, sacks=((at, at + 1000),))
    talk.silence()
    talk.hear(ACK, 1, at + 1000)
    talk.silence()


def test_a_path_that_becomes_slow_is_not_asked_to_carry_everything_twice() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    at = warm(talk, rtt_s=0.3)
    connection.send(bytes(10_000))
    window = connection.statistics.cwnd_bytes
    assert len(talk.say()) == 10
    resent = []
    for _ in range(29):
        talk.wait(0.1)
        resent += talk.say()
    assert set(sequences(resent)) <= {at, at + 9000}  # a probe, and the first one once or twice
    for arrived in (2, 4, 6, 8, 10):  # what left before the time-out, three seconds later
        talk.hear(ACK, 1, at + 1000 * arrived)
        talk.silence()
    assert len(resent) <= 3
    assert connection.statistics.cwnd_bytes >= window
    assert connection.statistics.rto_s > 3.0
