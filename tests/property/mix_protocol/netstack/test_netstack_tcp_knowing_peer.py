"""A peer that knows the connection's numbers, and says with them what no honest peer would.

Random numbers hardly ever name what is outstanding; this peer always does. It sends options that were not negotiated,
SACKs everything or parts, takes SACKs back, acknowledges parts of segments, and does all that in any state.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.tcp_conversation import ACK, FIN, PSH, RST, SYN, TcpConversation

from mix_protocol.errors import MixError
from mix_protocol.netstack import TcpConfig, TcpState
from mix_protocol.netstack.tcp.control_block import ControlBlock


@dataclass(frozen=True)
class Heard:
    """A segment in terms of what the stack has sent.

    ack -- which edge of what is outstanding it acknowledges, and how far beside it
    blocks -- which edges its SACK blocks lie between, and how far beside them
    sequence -- relative to what is expected next
    """

    flags: int
    ack: tuple[int, int]
    blocks: tuple[tuple[int, int, int], ...]
    sequence: int
    payload: int
    window: int
    mss: int | None
    scale: int | None
    sack: bool
    times: int


EDGE = st.integers(0, 6)
BESIDE = st.sampled_from((0, 0, 0, 0, 1, -1, 7, -700))
HEARD = st.builds(
    Heard,
    flags=st.sampled_from((ACK,) * 8 + (ACK | PSH, ACK | FIN, ACK | RST, RST, SYN, SYN | ACK, FIN, 0)),
    ack=st.tuples(EDGE, BESIDE),
    blocks=st.lists(st.tuples(EDGE, EDGE, BESIDE), max_size=3).map(tuple),
    sequence=st.sampled_from((0, 0, 0, 0, 1, -1, 1000, -1000)),
    payload=st.sampled_from((0, 0, 0, 1, 1000)),
    window=st.sampled_from((0, 1, 1000, 60000, 60000, 65535)),
    mss=st.sampled_from((None, 0, 1, 536, 65535)),
    scale=st.sampled_from((None, 0, 14)),
    sack=st.booleans(),
    times=st.sampled_from((1, 1, 3, 4)),
)
ACTIONS = st.one_of(
    HEARD,
    HEARD,
    st.sampled_from((0.001, 0.05, 0.3, 1.1, 4.0, 70.0)),
    st.sampled_from(("send", "send", "say", "say", "receive", "close", "detach", "smaller_mtu")),
)


def edges(block: ControlBlock) -> list[int]:
    """Where outstanding segments begin and end, and what lies around them; relative to our first number."""
    sender = block.sender
    found = [sender.snd_una]
    for segment in list(sender.queue._segments)[:4]:
        found += [segment.start, segment.end]
    return [edge - block.iss for edge in (*found, sender.snd_nxt)]


def hear(talk: TcpConversation, block: ControlBlock, heard: Heard) -> None:
    at = edges(block)

    def edge(index: int) -> int:
        return at[index % len(at)]

    for _ in range(heard.times):
        talk.hear(
            heard.flags,
            block.receiver.rcv_nxt - talk.peer_iss + heard.sequence if block.irs is not None else 0,
            edge(heard.ack[0]) + heard.ack[1],
            bytes(heard.payload),
            window=heard.window,
            mss=heard.mss,
            scale=heard.scale,
            sack=heard.sack,
            sacks=tuple((edge(left) + beside, edge(right)) for left, right, beside in heard.blocks),
        )


def check(block: ControlBlock) -> None:
    """What must hold between any two calls."""
    sender = block.sender
    queue = sender.queue
    segments = queue._segments
    assert sender.snd_una <= sender.snd_nxt
    assert queue.in_flight == sum(len(each) for each in segments if not each.sacked and not each.lost)
    assert list(queue.by_time) == sorted(queue.by_time, key=list(queue.by_time).index)
    assert set(queue.by_time) == {each for each in segments if not each.sacked and not each.lost}
    assert all(each.start < each.end for each in segments)
    assert not segments or segments[0].start >= sender.snd_una
    assert sender.congestion.cwnd > 0
    assert block.receiver.window >= 0


def act(talk: TcpConversation, block: ControlBlock, what: object) -> None:
    connection = talk.connection
    assert connection is not None
    if isinstance(what, Heard):
        hear(talk, block, what)
    elif isinstance(what, float):
        talk.wait(what)
    elif what == "send":
        try:
            connection.send(bytes(5000))
        except MixError:
            assert connection.send_capacity == 0
    elif what == "say":
        talk.say()
    elif what == "receive":
        connection.receive(3000)
    elif what == "smaller_mtu":
        block.sender.on_smaller_mss(540)
    else:
        getattr(connection, str(what))()


SACK_ALL = Heard(ACK, (0, 0), ((0, 9, 0),), 0, 0, 60000, None, None, False, 1)
DUPLICATES = Heard(ACK, (0, 0), (), 0, 0, 60000, None, None, False, 4)


@given(
    opening=st.sampled_from(("established", "without_sack", "passive", "passive_without_sack", "syn_sent")),
    actions=st.lists(ACTIONS, min_size=4, max_size=40),
)
@example("without_sack", ["send", "say", SACK_ALL, DUPLICATES, "say"])
@example("established", ["send", "say", 1.1, SACK_ALL, "say", DUPLICATES, "say", 1.1, "say", 70.0, "say"])
@settings(max_examples=250, deadline=None)
def test_any_segments_about_what_is_outstanding(opening: str, actions: list[object]) -> None:
    talk = TcpConversation(TcpConfig(receive_buffer_bytes=8192, send_buffer_bytes=16384, time_wait_s=5.0))
    if opening.startswith("passive"):
        listener = talk.listen()
        talk.hear(SYN, 0, mss=1000, sack=opening == "passive")
        talk.expect(SYN | ACK)
        talk.hear(ACK, 1, 1)
        talk.connection = listener.accept()
    elif opening == "established":
        talk.establish()
    else:
        talk.connect()
        talk.expect(SYN)
        if opening == "without_sack":
            talk.hear(SYN | ACK, 0, 1, mss=1000)
    connection = talk.connection
    assert connection is not None
    block = connection._block
    for what in actions:
        act(talk, block, what)
        check(block)
        assert connection.receivable <= 8192
    connection.receive(1 << 20)
    connection.detach()
    for _ in range(200):
        talk.say()
        check(block)
        due = talk.stack.next_timeout()
        if due is None:
            break
        talk.wait(max(0.0, due - talk.now))
    assert connection.state is TcpState.CLOSED
    assert talk.stack.connection_count == 0
