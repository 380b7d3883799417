"""Opening: RFC 9293 sections 3.5 and 3.10.7.3, RFC 5961, RFC 6298 for the SYN's timer."""

from __future__ import annotations

import pytest
from support.tcp_conversation import ACK, FIN, PEERS, RST, SYN, TcpConversation

from mix_protocol.errors import Closed, NetworkFailure
from mix_protocol.netstack import NetworkStack, TcpConfig, TcpState
from mix_protocol.netstack.errors import ConnectionAborted, ConnectionClosed, ConnectionRefused, ConnectTimedOut
from mix_protocol.netstack.tcp.config import InvalidTcpConfig


def test_active_open_negotiates_mss_window_scale_and_sack() -> None:
    talk = TcpConversation()
    connection = talk.connect()
    syn = talk.expect(SYN, sequence=0).segment
    assert (syn.mss, syn.sack_permitted, syn.window) == (1460, True, 65535)
    assert syn.window_scale == 3  # 256 KiB do not fit into 16 bits
    talk.hear(SYN | ACK, 0, 1, window=1000, mss=1000, scale=4, sack=True)
    assert connection.state is TcpState.ESTABLISHED
    answer = talk.expect(ACK, sequence=1, ack=1)
    assert answer.window << 3 == 256 * 1024
    connection.send(bytes(1500))
    assert [len(said.payload) for said in talk.say()] == [1000]  # the SYN's window is never scaled
    talk.hear(ACK, 1, 1001, window=1000)
    assert [len(said.payload) for said in talk.say()] == [500]  # all others are


def test_without_window_scale_the_window_is_at_most_64_kib() -> None:
    talk = TcpConversation()
    talk.connect()
    talk.expect(SYN)
    talk.hear(SYN | ACK, 0, 1, mss=1460)
    assert talk.expect(ACK).window == 65535


def test_without_an_mss_option_segments_are_536_bytes() -> None:
    talk = TcpConversation()
    connection = talk.establish(mss=None)
    connection.send(bytes(536 * 3))
    assert [len(said.payload) for said in talk.say()] == [536] * 3


def test_a_large_mss_of_the_peer_is_bounded_by_our_own_link() -> None:
    talk = TcpConversation(mtu_bytes=1280)
    connection = talk.establish(mss=9000)
    connection.send(bytes(5000))
    assert [len(said.payload) for said in talk.say()] == [1240, 1240, 1240, 1240, 40]


def test_data_given_before_the_handshake_leaves_after_it() -> None:
    talk = TcpConversation()
    connection = talk.connect()
    assert connection.send(b"early") == 5
    talk.expect(SYN)
    talk.hear(SYN | ACK, 0, 1, mss=1000)
    talk.expect(ACK, sequence=1, ack=1, payload=b"early")


def test_syn_is_repeated_with_doubling_pauses_that_suit_a_mixnet_then_given_up() -> None:
    talk = TcpConversation(TcpConfig(connect_timeout_s=30.0))
    connection = talk.connect()
    talk.expect(SYN)
    pauses = []
    while connection.state is TcpState.SYN_SENT:
        pauses.append(round(talk.wait_for_timeout(), 3))
        if connection.state is TcpState.SYN_SENT:
            talk.expect(SYN, sequence=0)
    assert pauses == [3.0, 6.0, 12.0, 9.0]
    assert isinstance(connection.error, ConnectTimedOut)
    assert isinstance(connection.error, NetworkFailure)
    assert connection.at_eof
    talk.silence()
    assert talk.stack.connection_count == 0


def test_refused() -> None:
    talk = TcpConversation()
    connection = talk.connect()
    events = []
    connection.on_event = lambda: events.append(connection.state)
    talk.expect(SYN)
    talk.hear(RST | ACK, 0, 1)
    assert isinstance(connection.error, ConnectionRefused)
    assert events == [TcpState.CLOSED]
    talk.silence()


@pytest.mark.parametrize("ack", [0, 2, 70000])
def test_a_blind_reset_or_answer_with_a_wrong_acknowledgment_changes_nothing(ack: int) -> None:
    talk = TcpConversation()
    connection = talk.connect()
    talk.expect(SYN)
    talk.hear(RST | ACK, 0, ack)
    talk.silence()
    talk.hear(SYN | ACK, 0, ack)
    said = talk.expect(RST)
    assert said.segment.sequence == (talk.our_iss + ack) % 2**32
    talk.hear(RST, 0)
    assert connection.state is TcpState.SYN_SENT


def test_simultaneous_open() -> None:
    """RFC 9293 figure 7."""
    talk = TcpConversation()
    connection = talk.connect()
    talk.expect(SYN, sequence=0)
    talk.hear(SYN, 0, mss=1000, sack=True)
    assert connection.state is TcpState.SYN_RECEIVED
    talk.expect(SYN | ACK, sequence=0, ack=1)
    talk.hear(SYN | ACK, 0, 1, mss=1000, sack=True)
    assert connection.state is TcpState.ESTABLISHED
    connection.send(b"hello")
    assert talk.say()[-1].payload == b"hello"


def test_two_stacks_that_open_at_once_become_one_connection() -> None:
    from mix_protocol.crypto.randomness import SeededRandom
    from mix_protocol.netstack import FaultInjector
    from mix_protocol.netstack.link import Link

    left = NetworkStack(SeededRandom(1), addresses=["10.0.0.1"])
    right = NetworkStack(SeededRandom(2), addresses=["10.0.0.2"])
    ours = left.connect_tcp(("10.0.0.2", 7), 0.0, local=("10.0.0.1", 9))
    theirs = right.connect_tcp(("10.0.0.1", 9), 0.0, local=("10.0.0.2", 7))
    link = Link(left, FaultInjector(right, SeededRandom(3), delay_s=0.1))
    ours.send(b"ours")
    theirs.send(b"theirs")
    assert link.run(lambda: ours.receivable == 6 and theirs.receivable == 4, 1.0)
    assert (ours.state, theirs.state) == (TcpState.ESTABLISHED, TcpState.ESTABLISHED)


def test_passive_open_takes_the_peers_options_and_offers_no_others() -> None:
    talk = TcpConversation()
    listener = talk.listen()
    talk.hear(SYN, 0)
    answer = talk.expect(SYN | ACK, sequence=0, ack=1).segment
    assert (answer.mss, answer.window_scale, answer.sack_permitted) == (1460, None, False)
    assert listener.accept() is None
    talk.hear(ACK, 1, 1)
    connection = listener.accept()
    assert connection is not None
    assert connection.state is TcpState.ESTABLISHED
    assert connection.remote == (PEERS, 6000)


def test_the_published_clients_syn_is_answered_in_kind() -> None:
    """Its options as captured: 020405b4 030300 0402 0000 (MSS 1460, scale 0, SACK permitted)."""
    talk = TcpConversation()
    talk.listen()
    talk.hear(SYN, 0, mss=1460, scale=0, sack=True, window=65535)
    answer = talk.expect(SYN | ACK, ack=1).segment
    assert (answer.mss, answer.window_scale, answer.sack_permitted) == (1460, 3, True)


def test_a_repeated_syn_gets_the_answer_again_and_an_answer_nobody_takes_is_repeated() -> None:
    talk = TcpConversation()
    talk.listen()
    talk.hear(SYN, 0)
    talk.expect(SYN | ACK)
    talk.hear(SYN, 0)
    talk.expect(SYN | ACK, sequence=0, ack=1)
    talk.wait_for_timeout()
    talk.expect(SYN | ACK, sequence=0, ack=1)


def test_data_and_fin_on_the_handshakes_last_segment_count() -> None:
    talk = TcpConversation()
    listener = talk.listen()
    talk.hear(SYN, 0)
    talk.expect(SYN | ACK)
    talk.hear(ACK | FIN, 1, 1, b"all of it")
    connection = listener.accept()
    assert connection is not None
    assert connection.receive() == b"all of it"
    assert connection.at_eof
    assert connection.state is TcpState.CLOSE_WAIT


def test_a_wrong_acknowledgment_of_our_syn_is_reset_and_the_true_one_still_works() -> None:
    talk = TcpConversation()
    listener = talk.listen()
    talk.hear(SYN, 0)
    talk.expect(SYN | ACK)
    talk.hear(ACK, 1, 777)
    talk.expect(RST, sequence=777)
    talk.hear(ACK, 1, 1)
    assert listener.accept() is not None


def test_a_reset_of_a_half_open_connection_forgets_it() -> None:
    talk = TcpConversation()
    listener = talk.listen()
    talk.hear(SYN, 0)
    talk.expect(SYN | ACK)
    talk.hear(RST, 1)
    assert listener.accept() is None
    talk.silence()
    assert talk.stack.connection_count == 0


def test_what_is_sent_and_closed_before_the_answer_leaves_after_it() -> None:
    talk = TcpConversation()
    connection = talk.connect()
    connection.send(b"all")
    connection.close()
    with pytest.raises(ConnectionClosed):
        connection.send(b"x")
    talk.expect(SYN)
    talk.hear(SYN | ACK, 0, 1)
    assert connection.state is TcpState.FIN_WAIT_1
    talk.expect(FIN | ACK, sequence=1, ack=1, payload=b"all")


@pytest.mark.parametrize("end", ["abort", "detach"])
def test_giving_up_before_the_answer_resets_the_syn_and_a_late_answer(end: str) -> None:
    talk = TcpConversation()
    connection = talk.connect()
    talk.expect(SYN)
    getattr(connection, end)()
    assert connection.state is TcpState.CLOSED
    assert isinstance(connection.error, ConnectionAborted)
    talk.expect(RST, sequence=1)
    talk.silence()
    with pytest.raises(Closed):
        connection.send(b"x")
    talk.hear(SYN | ACK, 0, 1)
    talk.expect(RST, sequence=1)


def test_segments_for_nobody_are_reset_and_resets_are_not() -> None:
    talk = TcpConversation()
    talk.our_port = 1
    talk.hear(ACK, 10, 99)
    talk.expect(RST, sequence=99)
    talk.hear(SYN, 10, None, b"abc")
    talk.expect(RST | ACK, ack=14)
    talk.hear(FIN, 10)
    talk.expect(RST | ACK, ack=11)
    talk.hear(RST, 10)
    talk.silence()


def test_initial_sequence_numbers_differ_by_flow_and_rise_with_time() -> None:
    def iss(port: int, now: float) -> int:
        talk = TcpConversation()
        talk.now = now
        talk.stack.connect_tcp((PEERS, port), now, local=("10.0.0.1", 50000))
        talk.say()
        assert talk.our_iss is not None
        return talk.our_iss

    assert (iss(80, 1.0) - iss(80, 0.0)) % 2**32 == 250_000
    assert abs(iss(80, 0.0) - iss(81, 0.0)) > 1000


def test_segments_may_be_shorter_than_link_and_peer_allow_without_telling_the_peer() -> None:
    talk = TcpConversation(config=TcpConfig(longest_segment_bytes=1000))
    connection = talk.establish(mss=1460)
    connection.send(bytes(2500))
    assert [len(said.payload) for said in talk.say()] == [1000, 1000, 500]


def test_the_longest_segment_is_not_too_short() -> None:
    with pytest.raises(InvalidTcpConfig):
        TcpConfig(longest_segment_bytes=63)
