"""The TCP's data structures against the plainest models of them."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from mix_protocol.netstack.reassembly import Reassembler
from mix_protocol.netstack.tcp.assembler import Assembler
from mix_protocol.netstack.tcp.ranges import RangeSet
from mix_protocol.netstack.tcp.retransmission_queue import RetransmissionQueue
from mix_protocol.netstack.tcp.sequence import unwrap, wrap
from mix_protocol.netstack.wire.ip import IpPacket

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=30)


@given(spans=SPANS, floors=st.lists(st.integers(0, 80), max_size=30))
def test_range_set_is_a_set(spans: list[tuple[int, int]], floors: list[int]) -> None:
    ranges, model = RangeSet(), set[int]()
    for index, (start, length) in enumerate(spans):
        fresh = ranges.add(start, start + length)
        covered = set(range(start, start + length))
        assert [value for low, high in fresh for value in range(low, high)] == sorted(covered - model)
        model |= covered
        if index < len(floors) and index % 3 == 0:
            ranges.discard_below(floors[index])
            model = {value for value in model if value >= floors[index]}
        pieces = list(ranges)
        assert [value for low, high in pieces for value in range(low, high)] == sorted(model)
        assert all(high < low for (_, high), (low, _) in pairwise(pieces))
        assert ranges.covers(start, start + 1) == (start in model)


@given(
    start=st.integers(0, 2**33),
    segments=st.lists(st.tuples(st.integers(0, 100), st.integers(0, 40)), max_size=40),
    reads=st.lists(st.integers(0, 50), max_size=40),
)
def test_assembler_gives_the_stream_in_order(start: int, segments: list[tuple[int, int]], reads: list[int]) -> None:
    text = bytes(range(200))
    assembler, arrived, read = Assembler(start), set[int](), b""
    for index, (at, length) in enumerate(segments):
        novel = set(range(at, at + length)) - arrived
        assert assembler.insert(start + at, text[at : at + length]) == bool(novel)
        arrived |= novel
        end = next(value for value in range(300) if value not in arrived)
        assert assembler.next == start + end
        if index < len(reads):
            read += assembler.read(reads[index])
        assert assembler.readable == end - len(read)
    read += assembler.read(1000)
    assert read == text[: assembler.next - start]


@given(
    operations=st.lists(
        st.one_of(
            st.tuples(st.just("send"), st.integers(1, 5), st.just(0)),
            st.tuples(st.just("ack"), st.integers(0, 40), st.just(0)),
            st.tuples(st.just("sack"), st.integers(0, 40), st.integers(1, 8)),
            st.tuples(st.just("lose"), st.integers(0, 20), st.just(0)),
            st.tuples(st.just("resend"), st.just(0), st.just(0)),
            st.tuples(st.just("reprieve"), st.just(0), st.just(0)),
            st.tuples(st.just("forget"), st.just(0), st.just(0)),
        ),
        max_size=40,
    )
)
def test_scoreboard_adds_up(operations: list[tuple[str, int, int]]) -> None:
    queue = RetransmissionQueue()
    una = nxt = 0
    now = 0.0
    delivered: list[int] = []
    for what, first, second in operations:
        now += 1.0
        if what == "send":
            queue.sent(nxt, nxt + first, False, now)
            nxt += first
        elif what == "ack":
            una = min(max(una, first), nxt)
            delivered += [segment.end for segment in queue.acknowledge(una)]
        elif what == "sack" and una < first and first + second <= nxt:
            delivered += [segment.end for segment in queue.sack(first, first + second)]
        elif what == "lose":
            for segment in list(queue.by_time)[: first % 3]:
                queue.mark_lost(segment)
        elif what == "resend":
            lost = queue.first_lost()
            if lost is not None:
                queue.resent(lost, now)
        elif what == "reprieve":
            queue.reprieve_lost()
        elif what == "forget":
            for segment in queue._segments:
                if segment.sacked:
                    delivered.remove(segment.end)
            queue.forget_sacks()
        segments = queue._segments
        assert all(earlier.end == later.start for earlier, later in pairwise(segments))
        if segments:
            assert segments[0].start == una
            assert segments[-1].end == nxt
        flying = [segment for segment in segments if not segment.sacked and not segment.lost]
        assert queue.in_flight == sum(len(segment) for segment in flying)
        assert set(queue.by_time) == set(flying)
        lowest = min((segment.start for segment in segments if segment.lost), default=None)
        head = queue.first_lost()
        assert (None if head is None else head.start) == lowest
        assert len(delivered) == len(set(delivered))


@given(
    cuts=st.sets(st.integers(1, 60), max_size=8),
    order=st.randoms(use_true_random=False),
    repeated=st.lists(st.integers(0, 7), max_size=4),
)
def test_fragments_of_any_cut_and_order_come_together(cuts: set[int], order: Random, repeated: list[int]) -> None:
    text = bytes(range(250)) * 2
    edges = [0, *(8 * cut for cut in sorted(cuts)), len(text)]
    pieces = [
        IpPacket(b"aaaa", b"bbbb", 17, text[start:end], fragment_offset=start, more_fragments=end < len(text))
        for start, end in pairwise(edges)
    ]
    order.shuffle(pieces)
    reassembler = Reassembler()
    results = []
    for index, piece in enumerate(pieces):
        results.append(reassembler.receive(piece, 0.0))
        if index in repeated and index < len(pieces) - 1:
            assert reassembler.receive(piece, 0.0) is None
    assert results[:-1] == [None] * (len(pieces) - 1)
    assert results[-1] is not None
    assert results[-1].payload == text


@given(near=st.integers(-(2**40), 2**40), distance=st.integers(-(2**31), 2**31 - 1))
def test_unwrap_undoes_wrap(near: int, distance: int) -> None:
    assert unwrap(wrap(near + distance), near) == near + distance
