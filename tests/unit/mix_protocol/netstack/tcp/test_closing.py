"""Closing: RFC 9293 sections 3.6 and 3.10.4, figures 12 and 13; RFC 1122 section 4.2.2.13."""

from __future__ import annotations

import pytest
from support.tcp_conversation import ACK, FIN, PSH, RST, SYN, TcpConversation

from mix_protocol.netstack import TcpConfig, TcpState
from mix_protocol.netstack.errors import ConnectionAborted, ConnectionClosed, ConnectionReset


def test_we_close_first() -> None:
    talk = TcpConversation(TcpConfig(time_wait_s=20.0))
    connection = talk.establish()
    connection.close()
    assert connection.state is TcpState.FIN_WAIT_1
    talk.expect(FIN | ACK, sequence=1, ack=1)
    talk.hear(ACK, 1, 2)
    assert connection.state is TcpState.FIN_WAIT_2
    assert not connection.at_eof
    talk.hear(FIN | ACK, 1, 2)
    assert connection.state is TcpState.TIME_WAIT
    assert connection.at_eof
    talk.expect(ACK, sequence=2, ack=2)
    talk.wait(19.0)
    talk.silence()
    assert connection.state is TcpState.TIME_WAIT
    talk.wait(1.0)
    assert connection.state is TcpState.CLOSED
    assert connection.error is None
    talk.silence()
    assert talk.stack.connection_count == 0
    assert talk.stack.next_timeout() is None


def test_the_peer_closes_first() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    talk.hear(FIN | ACK, 1, 1, b"bye")
    assert connection.state is TcpState.CLOSE_WAIT
    talk.expect(ACK, ack=5)
    assert not connection.at_eof
    assert connection.receive() == b"bye"
    assert connection.at_eof
    connection.send(b"and one more thing")
    talk.expect(ACK, sequence=1, ack=5, payload=b"and one more thing")
    connection.close()
    assert connection.state is TcpState.LAST_ACK
    talk.expect(FIN | ACK, sequence=19)
    talk.hear(ACK, 5, 20)
    assert connection.state is TcpState.CLOSED
    assert connection.error is None
    talk.silence()
    assert talk.stack.connection_count == 0


def test_half_close_still_receives() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    connection.send(b"request")
    connection.close()
    assert connection.send_capacity == 0
    with pytest.raises(ConnectionClosed):
        connection.send(b"more")
    talk.expect(FIN | ACK | PSH, sequence=1, payload=b"request")
    talk.hear(ACK, 1, 9)
    for at in range(1, 2001, 1000):
        talk.hear(ACK, at, 9, bytes(1000))
    talk.expect(ACK, sequence=9, ack=2001)
    assert len(connection.receive()) == 2000


def test_both_close_at_once() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    connection.close()
    talk.expect(FIN | ACK, sequence=1, ack=1)
    talk.hear(FIN | ACK, 1, 1)
    assert connection.state is TcpState.CLOSING
    talk.expect(ACK, sequence=2, ack=2)
    talk.hear(ACK, 2, 2)
    assert connection.state is TcpState.TIME_WAIT


def test_fin_and_its_acknowledgment_in_one_segment() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    connection.close()
    talk.expect(FIN | ACK)
    talk.hear(FIN | ACK, 1, 2)
    assert connection.state is TcpState.TIME_WAIT


def test_a_fin_waits_for_the_data_before_it() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    talk.hear(FIN | ACK, 6, 1, b"world")
    assert connection.state is TcpState.ESTABLISHED
    talk.expect(ACK, ack=1)
    talk.hear(ACK, 1, 1, b"hello")
    assert connection.state is TcpState.CLOSE_WAIT
    talk.expect(ACK, ack=12)
    assert connection.receive() == b"helloworld"
    assert connection.at_eof


def test_data_beyond_a_fin_is_not_part_of_the_stream() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    talk.hear(FIN | ACK, 3, 1)
    talk.hear(ACK, 1, 1, b"abXXX")
    assert connection.state is TcpState.CLOSE_WAIT
    assert connection.receive() == b"ab"


def test_a_lost_fin_is_sent_again() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    connection.close()
    talk.expect(FIN | ACK, sequence=1)
    talk.wait_for_timeout()
    talk.expect(FIN | ACK, sequence=1)


def test_time_wait_answers_a_repeated_fin_and_starts_over() -> None:
    talk = TcpConversation(TcpConfig(time_wait_s=20.0))
    connection = talk.establish()
    connection.close()
    talk.say()
    talk.hear(FIN | ACK, 1, 2)
    talk.expect(ACK)
    talk.wait(15.0)
    talk.hear(FIN | ACK, 1, 2)
    talk.expect(ACK, sequence=2, ack=2)
    talk.wait(15.0)
    assert connection.state is TcpState.TIME_WAIT
    talk.wait(5.0)
    assert connection.state is TcpState.CLOSED


def test_a_new_syn_ends_time_wait_only_if_its_number_is_higher() -> None:
    talk = TcpConversation()
    listener = talk.listen()
    talk.hear(SYN, 0)
    talk.say()
    talk.hear(ACK, 1, 1)
    first = listener.accept()
    assert first is not None
    first.close()
    talk.say()
    talk.hear(FIN | ACK, 1, 2)
    talk.expect(ACK)
    assert first.state is TcpState.TIME_WAIT
    talk.hear(SYN, 0)
    talk.expect(ACK, ack=2)  # an old duplicate: the answer makes its sender reset, were it real
    talk.hear(SYN, 100000)
    talk.our_iss = None
    assert [said.flags for said in talk.say()] == [SYN | ACK]
    talk.hear(ACK, 100001, 1)
    assert listener.accept() is not None


def test_abort_resets() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    connection.send(b"never mind")
    connection.abort()
    assert isinstance(connection.error, ConnectionAborted)
    assert connection.state is TcpState.CLOSED
    talk.expect(RST | ACK, sequence=1, ack=1)
    talk.silence()
    assert talk.stack.connection_count == 0


def test_received_bytes_stay_readable_after_a_reset() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    talk.hear(ACK, 1, 1, b"last words")
    talk.hear(RST, 11)
    assert isinstance(connection.error, ConnectionReset)
    assert not connection.at_eof
    assert connection.receive() == b"last words"
    assert connection.at_eof
    with pytest.raises(ConnectionReset):
        connection.send(b"x")


def test_a_reset_of_the_farewell_is_no_error() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    connection.close()
    talk.say()
    talk.hear(FIN | ACK, 1, 2)
    talk.say()
    talk.hear(RST, 2)
    assert connection.state is TcpState.CLOSED
    assert connection.error is None


def test_detached_connections_reset_data_that_nobody_will_read() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    connection.detach()
    talk.expect(FIN | ACK)
    talk.hear(ACK, 1, 2, b"too late")
    talk.expect(RST | ACK, sequence=2)
    assert talk.stack.connection_count == 0


def test_detaching_with_unread_bytes_resets_at_once() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    talk.hear(ACK, 1, 1, b"unread")
    connection.detach()
    talk.expect(RST | ACK)


def test_a_detached_connection_does_not_wait_for_ever_for_the_peers_fin() -> None:
    talk = TcpConversation(TcpConfig(fin_wait_2_timeout_s=30.0))
    connection = talk.establish()
    connection.detach()
    talk.expect(FIN | ACK)
    talk.hear(ACK, 1, 2)
    talk.silence()
    assert connection.state is TcpState.FIN_WAIT_2
    talk.wait(30.0)
    talk.silence()
    assert talk.stack.connection_count == 0


def test_half_closed_by_close_alone_waits_as_long_as_it_takes() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    connection.close()
    talk.say()
    talk.hear(ACK, 1, 2)
    talk.wait(10_000.0)
    talk.silence()
    assert connection.state is TcpState.FIN_WAIT_2


def test_closing_twice_is_fine_and_abort_after_the_end_too() -> None:
    talk = TcpConversation()
    connection = talk.establish()
    connection.close()
    connection.close()
    talk.expect(FIN | ACK)
    talk.hear(RST, 1)
    connection.abort()
    connection.close()
    assert isinstance(connection.error, ConnectionReset)
    talk.silence()
