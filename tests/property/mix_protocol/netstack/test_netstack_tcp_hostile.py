"""A peer that sends any segments at all, near the connection's numbers, at any time: nothing breaks or grows."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from support.tcp_conversation import ACK, SYN, TcpConversation

from mix_protocol.errors import MixError
from mix_protocol.netstack import TcpConfig, TcpState

NEAR = st.integers(-70_000, 70_000) | st.integers(-5, 5) | st.integers(0, 2**32 - 1)
SEGMENTS = st.fixed_dictionaries(
    {
        "flags": st.integers(0, 63) | st.sampled_from((0x10, 0x11, 0x18, 0x12, 0x14)),
        "sequence": NEAR,
        "ack": NEAR,
        "payload": st.integers(0, 1500).map(bytes),
        "window": st.sampled_from((0, 1, 100, 65535)) | st.integers(0, 65535),
        "sacks": st.lists(st.tuples(NEAR, NEAR), max_size=3).map(tuple),
    }
)
ACTIONS = st.one_of(
    SEGMENTS,
    st.floats(0.001, 30.0),
    st.sampled_from(("send", "receive", "close", "detach", "abort", "say", "keep_alive")),
)


def act(talk: TcpConversation, what: object) -> int:
    """Do one thing; gives how many segments the stack sent."""
    connection = talk.connection
    assert connection is not None
    if isinstance(what, dict):
        talk.hear(
            what["flags"], what["sequence"], what["ack"], what["payload"], window=what["window"], sacks=what["sacks"]
        )
    elif isinstance(what, float):
        talk.wait(what)
    elif what == "send":
        try:
            connection.send(bytes(5000))
        except MixError:
            assert connection.error is not None or connection.send_capacity == 0
    elif what == "receive":
        connection.receive(3000)
    elif what == "keep_alive":
        connection.keep_alive_idle_s = 5.0
    elif what != "say":
        getattr(connection, str(what))()
    return len(talk.say()) if what == "say" else 0


@given(
    opening=st.sampled_from(("syn_sent", "established", "established_without_sack")),
    actions=st.lists(ACTIONS, max_size=40),
    buffer=st.sampled_from((2048, 65536)),
)
@settings(max_examples=200, deadline=None)
def test_any_segments(opening: str, actions: list[object], buffer: int) -> None:
    talk = TcpConversation(TcpConfig(receive_buffer_bytes=buffer, send_buffer_bytes=8192, time_wait_s=5.0))
    if opening == "established":
        talk.establish()
    else:
        talk.connect()
        talk.expect(SYN)
        if opening != "syn_sent":
            talk.hear(SYN | ACK, 0, 1, mss=1000)
    connection = talk.connection
    assert connection is not None
    for what in actions:
        sent = act(talk, what)
        assert sent <= 200
        assert connection.receivable <= buffer
        assert 0 <= connection.unacknowledged <= 8192
        assert connection.statistics.in_flight_bytes >= 0
        assert connection.statistics.cwnd_bytes > 0
        due = talk.stack.next_timeout()
        if isinstance(what, float) and due is not None:
            # A deadline that stays in the past would make its driver spin.
            assert due > talk.now
    # A peer that falls silent is given up in the end, and nothing is left of it but what waits to be read.
    connection.receive(1 << 20)
    connection.detach()
    for _ in range(200):
        if talk.stack.connection_count == 0:
            break
        talk.say()
        due = talk.stack.next_timeout()
        if due is None:
            break
        talk.wait(max(0.0, due - talk.now))
    talk.say()
    assert connection.state is TcpState.CLOSED
    assert talk.stack.connection_count == 0
    assert talk.stack.next_timeout() is None


@given(packets=st.lists(SEGMENTS, max_size=60), hold=st.booleans())
@settings(max_examples=100, deadline=None)
def test_any_segments_at_a_listener(packets: list[dict[str, object]], hold: bool) -> None:
    talk = TcpConversation()
    listener = talk.listen(hold=hold)
    listener.backlog = 4
    for index, segment in enumerate(packets):
        talk.peer_port = 6000 + index % 7
        act_segment = dict(segment)
        flags = act_segment.pop("flags")
        talk.hear(flags, **act_segment)  # type: ignore[arg-type]
        if index % 5 == 4:
            request = listener.next_event()
            if request is not None:
                request.accept(talk.now) if index % 2 else request.refuse(talk.now)
            talk.say()
    assert len(listener.handshakes) <= 4
    talk.wait(61.0)
    talk.say()
    listener.close()
    for _ in range(100):
        talk.wait(61.0)
        talk.say()
        listener.accept()
    assert talk.stack.next_timeout() is None or talk.stack.connection_count > 0
