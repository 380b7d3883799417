"""Messages between processes, with both ends in this one."""

from __future__ import annotations

import asyncio
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.waiting import until

from mix_network.workers import channel as channels
from mix_network.workers.channel import MAX_CONTENT, Channel, Kind, encode_message

MESSAGES = st.lists(st.tuples(st.sampled_from(Kind), st.integers(0, 255), st.binary(max_size=300)), max_size=8)


class End:
    """One end, and what has come to it."""

    def __init__(self) -> None:
        self.received: list[tuple[int, int, bytes]] = []
        self.ended = 0
        self.channel = Channel(lambda _, *message: self.received.append(message), lambda _: self._end())

    def _end(self) -> None:
        self.ended += 1

    def feed(self, data: bytes) -> None:
        while data:
            buffer = self.channel.get_buffer(-1)
            piece = data[: len(buffer)]
            buffer[: len(piece)] = piece
            self.channel.buffer_updated(len(piece))
            data = data[len(piece) :]


async def two_ends() -> tuple[End, End]:
    ends = End(), End()
    for end, half in zip(ends, socket.socketpair(), strict=True):
        half.setblocking(False)
        await asyncio.get_running_loop().connect_accepted_socket(lambda end=end: end.channel, half)
    return ends


@given(MESSAGES, st.lists(st.integers(1, 200), max_size=12))
def test_messages_arrive_whole_and_in_order_however_they_are_cut(messages, cuts):
    end = End()
    stream = b"".join(encode_message(*message) for message in messages)
    for cut in cuts:
        end.feed(stream[:cut])
        stream = stream[cut:]
    end.feed(stream)
    assert end.received == messages
    assert not end.channel._partial


def test_what_is_no_message_ends_the_channel():
    with pytest.raises(ValueError, match="no message"):
        End().feed((MAX_CONTENT + 1).to_bytes(4, "little") + bytes(2))


@pytest.mark.expects_crashes
def test_a_message_that_cannot_be_handled_costs_that_message(caplog: pytest.LogCaptureFixture):
    received = []

    def take(_: Channel, kind: int, node: int, content: bytes) -> None:
        if node == 1:
            raise ZeroDivisionError
        received.append(content)

    end = End()
    end.channel = Channel(take)
    end.feed(b"".join(encode_message(Kind.PUSH, node, bytes((node,))) for node in (0, 1, 2)))
    assert received == [b"\0", b"\x02"]
    assert len(caplog.records) == 1


async def test_both_ends_speak_and_what_was_sent_arrives_before_the_end():
    one, other = await two_ends()
    assert one.channel.send(Kind.SEND, 3, b"there")
    assert other.channel.send(Kind.LOOP, 4, b"and back")
    for number in range(1000):
        assert one.channel.send(Kind.PUSH, 5, number.to_bytes(2, "big") * 500)
    await until(lambda: one.received)
    await one.channel.close_behind()
    await until(lambda: other.ended)
    assert other.received[0] == (Kind.SEND, 3, b"there")
    assert [content[:2] for _, _, content in other.received[1:]] == [n.to_bytes(2, "big") for n in range(1000)]
    assert one.received == [(Kind.LOOP, 4, b"and back")]
    assert (one.ended, other.ended) == (1, 1)
    assert not one.channel.send(Kind.PUSH)
    assert not other.channel.send(Kind.PUSH)


async def test_one_who_reads_nothing_gets_no_more_than_a_bounded_amount(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(channels, "MAX_WAITING_BYTES", 1 << 20)
    one, other = await two_ends()
    other.channel._transport.pause_reading()
    sent = 0
    while one.channel.send(Kind.PUSH, 0, bytes(10_000)):
        sent += 1
        assert sent < 2000
    other.channel._transport.resume_reading()
    await until(lambda: len(other.received) == sent)
    assert one.channel.send(Kind.PUSH, 0, b"again")
    one.channel.close()
    await until(lambda: other.ended)
