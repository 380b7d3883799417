"""Fragments."""

from __future__ import annotations

import pytest

from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.netstack import NetworkStack
from mix_protocol.netstack.reassembly import LIFETIME_S, MOST_BYTES, Reassembler
from mix_protocol.netstack.wire.ip import UDP, IpPacket
from mix_protocol.netstack.wire.udp import UdpDatagram

A, B = b"\x0a\0\0\1", b"\x0a\0\0\2"
TEXT = bytes(i * 31 % 251 for i in range(5000))


def fragment(start: int, end: int, last: int = len(TEXT), identification: int = 7, source: bytes = A) -> IpPacket:
    return IpPacket(
        source,
        B,
        UDP,
        TEXT[start:end],
        identification=identification,
        fragment_offset=start,
        more_fragments=end < last,
        dont_fragment=False,
    )


PIECES = [(0, 1480), (1480, 2960), (2960, 4440), (4440, 5000)]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1), (2, 2, 0, 0, 3, 1)])
def test_fragments_come_together_in_any_order_and_repeated(order: tuple[int, ...]) -> None:
    reassembler = Reassembler()
    results = [reassembler.receive(fragment(*PIECES[index]), 0.0) for index in order]
    assert results[:-1] == [None] * (len(order) - 1)
    whole = results[-1]
    assert whole is not None
    assert (whole.source, whole.destination, whole.protocol, whole.is_fragment) == (A, B, UDP, False)
    assert whole.payload == TEXT
    assert reassembler._cost == 0


def test_packets_are_told_apart() -> None:
    reassembler = Reassembler()
    assert reassembler.receive(fragment(0, 2000), 0.0) is None
    assert reassembler.receive(fragment(2000, 5000, identification=8), 0.0) is None
    assert reassembler.receive(fragment(2000, 5000, source=b"\x0a\0\0\3"), 0.0) is None
    assert reassembler.receive(fragment(2000, 5000), 0.0) is not None


@pytest.mark.parametrize(
    "second",
    [fragment(1472, 2960), fragment(0, 1000), fragment(8, 16), fragment(0, 1480, last=1480)],
    ids=["overlaps", "differs", "within", "is last as well"],
)
def test_overlapping_fragments_drop_their_packet(second: IpPacket) -> None:
    if second.fragment_offset == 0 and not second.more_fragments:
        second.payload = bytes(1480)
    reassembler = Reassembler()
    reassembler.receive(fragment(0, 1480), 0.0)
    assert reassembler.receive(second, 0.0) is None
    assert reassembler._cost == 0
    assert [reassembler.receive(fragment(*piece), 0.0) for piece in PIECES[1:]] == [None] * 3


def test_impossible_fragments_are_ignored() -> None:
    reassembler = Reassembler()
    beyond = fragment(0, 16)
    beyond.fragment_offset = 65528
    for wrong in (fragment(0, 0), fragment(0, 1479), beyond):
        assert reassembler.receive(wrong, 0.0) is None
    assert reassembler._cost == 0


def test_two_ends_contradict_each_other() -> None:
    reassembler = Reassembler()
    reassembler.receive(fragment(4440, 5000), 0.0)
    assert reassembler.receive(fragment(1480, 2000, last=2000), 0.0) is None
    assert reassembler._cost == 0


def test_unfinished_packets_are_forgotten_after_a_while() -> None:
    reassembler = Reassembler()
    for piece in PIECES[:3]:
        reassembler.receive(fragment(*piece), 0.0)
    assert reassembler.receive(fragment(*PIECES[3]), LIFETIME_S) is None
    assert reassembler.receive(fragment(0, 5000, identification=9), LIFETIME_S) is not None


def test_memory_is_bounded_for_large_and_for_tiny_fragments() -> None:
    for size in (8, 1480):
        reassembler = Reassembler()
        for identification in range(10_000):
            reassembler.receive(fragment(0, size, identification=identification), 0.0)
            assert reassembler._cost <= MOST_BYTES + 2000
        assert len(reassembler._unfinished) < 3000


def test_a_stack_takes_a_datagram_in_fragments() -> None:
    stack = NetworkStack(SeededRandom(1), addresses=["10.0.0.2"])
    socket = stack.open_udp(53)
    datagram = UdpDatagram(99, 53, TEXT).encode(A, B)
    for start in (2960, 0, 4440, 1480):
        piece = IpPacket(A, B, UDP, datagram[start : start + 1480], identification=3, fragment_offset=start)
        piece.more_fragments = start + 1480 < len(datagram)
        piece.dont_fragment = False
        stack.receive_packet(piece.encode(), 0.0)
    received = socket.receive()
    assert received is not None
    assert received[0] == TEXT
