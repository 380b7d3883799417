"""The small parts that TCP is made of."""

from __future__ import annotations

import pytest

from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.errors import UsageError
from mix_protocol.netstack.errors import PortsExhausted
from mix_protocol.netstack.ports import FIRST_EPHEMERAL_PORT, PortAllocator
from mix_protocol.netstack.tcp.assembler import Assembler
from mix_protocol.netstack.tcp.config import TcpConfig
from mix_protocol.netstack.tcp.congestion import Cubic
from mix_protocol.netstack.tcp.deadlines import Deadlines
from mix_protocol.netstack.tcp.ranges import RangeSet
from mix_protocol.netstack.tcp.retransmission_queue import RetransmissionQueue
from mix_protocol.netstack.tcp.rtt import RttEstimator
from mix_protocol.netstack.tcp.sack import read_sack_blocks
from mix_protocol.netstack.tcp.send_buffer import SendBuffer
from mix_protocol.netstack.tcp.send_window import SendWindow
from mix_protocol.netstack.tcp.sequence import unwrap, wrap


@pytest.mark.parametrize(
    ("wire", "near", "meant"),
    [(5, 0, 5), (0xFFFFFFFF, 0, -1), (3, 2**32 - 2, 2**32 + 3), (7, 10 * 2**32 + 9, 10 * 2**32 + 7)],
)
def test_unwrap_finds_the_closest(wire: int, near: int, meant: int) -> None:
    assert unwrap(wire, near) == meant
    assert wrap(meant) == wire


def test_ranges_merge_and_tell_what_is_fresh() -> None:
    ranges = RangeSet()
    assert ranges.add(10, 20) == [(10, 20)]
    assert ranges.add(30, 40) == [(30, 40)]
    assert ranges.add(15, 35) == [(20, 30)]
    assert list(ranges) == [(10, 40)]
    assert ranges.add(12, 38) == []
    assert ranges.add(40, 41) == [(40, 41)]
    assert ranges.add(0, 50) == [(0, 10), (41, 50)]
    assert ranges.covers(0, 50)
    assert not ranges.covers(0, 51)
    ranges.discard_below(45)
    assert list(ranges) == [(45, 50)]
    assert ranges.range_at(44) is None
    assert ranges.range_at(49) == (45, 50)


def test_the_send_buffer_cuts_out_by_sequence_number() -> None:
    buffer = SendBuffer(1000, 10)
    assert buffer.append(b"0123456789abc") == 10
    assert buffer.append(b"x") == 0
    assert buffer.slice(1003, 1006) == b"345"
    buffer.discard_below(1004)
    assert buffer.free == 4
    assert buffer.append(memoryview(b"xyz")) == 3
    assert buffer.slice(1004, 1013) == b"456789xyz"
    buffer.discard_below(5000)
    assert len(buffer) == 0


def test_the_first_copy_of_a_byte_counts() -> None:
    assembler = Assembler(0)
    assembler.insert(5, b"BBBBB")
    assert assembler.insert(0, b"aaaaaaaaaaaa")
    assert assembler.read(100) == b"aaaaaBBBBBaa"
    assert not assembler.insert(3, b"late")


def test_rto_follows_rfc_6298() -> None:
    rtt = RttEstimator(3.0, 1.0, 60.0)
    assert rtt.rto_s == 3.0
    rtt.sample(0.8, 0.0)
    assert (rtt.srtt_s, rtt.rttvar_s) == (0.8, 0.4)
    assert rtt.rto_s == pytest.approx(2.4)
    rtt.sample(0.4, 1.0)
    assert rtt.rttvar_s == pytest.approx(0.75 * 0.4 + 0.25 * 0.4)
    assert rtt.srtt_s == pytest.approx(0.875 * 0.8 + 0.125 * 0.4)
    for _ in range(10):
        rtt.back_off()
    assert rtt.rto_s == 60.0
    for at in range(100):
        rtt.sample(0.01, at)
    assert rtt.rto_s == 1.0


def test_the_least_round_trip_is_forgotten_after_a_while() -> None:
    rtt = RttEstimator(3.0, 1.0, 60.0)
    rtt.sample(0.1, 0.0)
    rtt.sample(0.5, 30.0)
    assert rtt.min_rtt_s == 0.1
    rtt.sample(0.5, 70.0)
    assert rtt.min_rtt_s == 0.1
    rtt.sample(0.5, 140.0)
    assert rtt.min_rtt_s == 0.5


def test_cubic_backs_off_by_three_tenths_and_comes_back_to_where_it_was() -> None:
    cubic = Cubic(1000, 10)
    cubic.cwnd = cubic.ssthresh = 100_000
    cubic.on_loss(100_000, 100_000)
    cubic.on_recovered()
    assert cubic.cwnd == 70_000
    now = 0.0
    for _ in range(45):  # K is the cube root of 30 / 0.4: 4.2 s
        for _ in range(cubic.cwnd // 2000):
            cubic.on_delivered(2000, now, 0.1)
        now += 0.1
    assert 95_000 < cubic.cwnd < 110_000
    assert not cubic.in_slow_start


def test_proportional_rate_reduction_spreads_the_reduction_over_a_round_trip() -> None:
    cubic = Cubic(1000, 10)
    cubic.cwnd = 20_000
    cubic.on_loss(19_000, 20_000)
    in_flight, sent = 19_000, 0
    for _ in range(18):
        in_flight -= 1000
        cubic.on_recovery_ack(1000, in_flight, True)
        while in_flight + 1000 <= cubic.cwnd:
            in_flight += 1000
            sent += 1000
            cubic.on_recovery_sent(1000)
    assert 12_000 <= sent <= 15_000
    cubic.on_recovered()
    assert cubic.cwnd == 14_000
    cubic.undo()
    assert cubic.cwnd == 20_000


def test_the_scoreboard_counts_what_is_in_flight() -> None:
    queue = RetransmissionQueue()
    for start in range(0, 5000, 1000):
        queue.sent(start, start + 1000, False, 0.0)
    assert queue.in_flight == 5000
    assert [segment.start for segment in queue.sack(2000, 3000)] == [2000]
    assert queue.sack(3000, 3500) == []
    assert [segment.start for segment in queue.sack(3500, 4000)] == [3000]
    assert queue.in_flight == 3000
    queue.mark_lost(queue.first)
    assert queue.in_flight == 2000
    assert queue.first_lost() is queue.first
    assert [segment.start for segment in queue.acknowledge(1500)] == [0]
    assert queue.first_lost() is None
    assert queue.first.start == 1500
    assert queue.in_flight == 1500
    assert [segment.start for segment in queue.acknowledge(5000)] == [1500, 4000]
    assert queue.in_flight == 0
    assert len(queue) == 0


def test_the_newest_word_about_the_window_counts_whatever_the_order_of_arrival() -> None:
    window = SendWindow(1)
    assert window.update(1000, 5, 1)
    assert window.edge == 1001
    assert not window.update(1000, 5, 1)
    assert window.update(3000, 9, 501)
    assert window.edge == 3501
    assert not window.update(1000, 8, 401)  # overtaken
    assert not window.update(2000, 9, 501)  # two bare acknowledgments: the one that offers less is older
    assert window.update(3100, 9, 501)
    assert window.update(2900, 2, 901)  # old data again, but a new acknowledgment
    assert window.edge == 3801
    assert window.update(2000, 10, 901)  # the peer has shrunk it
    assert (window.edge, window.largest) == (2901, 3100)


def test_sack_blocks_are_told_from_reports_of_duplicates() -> None:
    assert read_sack_blocks(((1, 5),), 10, 10, 100) == ([], (1, 5))
    assert read_sack_blocks(((30, 40), (20, 50)), 10, 10, 100) == ([(20, 50)], (30, 40))
    assert read_sack_blocks(((30, 40), (60, 70)), 10, 10, 100) == ([(30, 40), (60, 70)], None)
    assert read_sack_blocks(((30, 400), (70, 60)), 10, 10, 100) == ([], None)


def test_deadlines_wake_each_owner_in_time() -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.schedule("a", 5.0)
    deadlines.schedule("b", 3.0)
    deadlines.schedule("a", 2.0)
    deadlines.schedule("b", 9.0)  # woken early, and asks again
    deadlines.schedule("c", 1.0)
    deadlines.forget("c")
    assert deadlines.earliest() == 2.0
    assert deadlines.take_due(1.0) is None
    assert deadlines.take_due(4.0) == "a"
    assert deadlines.take_due(4.0) == "b"
    assert deadlines.take_due(100.0) is None
    for step in range(10_000):
        deadlines.schedule("x", 10_000.0 - step)
    assert len(deadlines._heap) < 200


def test_ports_are_random_free_and_counted() -> None:
    ports = PortAllocator(SeededRandom(1))
    chosen = set()
    for _ in range(1000):
        port = ports.choose()
        ports.claim(port)
        chosen.add(port)
    assert len(chosen) == 1000
    assert min(chosen) >= FIRST_EPHEMERAL_PORT
    assert sorted(chosen) != list(range(min(chosen), min(chosen) + 1000))
    for port in range(FIRST_EPHEMERAL_PORT, 65536):
        ports.claim(port)
    with pytest.raises(PortsExhausted):
        ports.choose()
    free = next(port for port in range(FIRST_EPHEMERAL_PORT, 65536) if port not in chosen)
    ports.release(free)
    assert ports.choose() == free


@pytest.mark.parametrize(
    ("setting", "value"),
    [("receive_buffer_bytes", 100), ("send_buffer_bytes", 2**40), ("initial_rto_s", 0), ("keep_alive_idle_s", -1)],
)
def test_impossible_settings_are_refused_by_name(setting: str, value: float) -> None:
    with pytest.raises(UsageError) as caught:
        TcpConfig(**{setting: value})
    assert caught.value.fields["setting"] == setting


@pytest.mark.parametrize("size", [4096, 65535, 65536, 262144, 1 << 20, 1 << 26])
def test_the_window_scale_just_fits_the_buffer(size: int) -> None:
    scale = TcpConfig(receive_buffer_bytes=size).window_scale
    assert size >> scale <= 65535
    assert scale == 0 or size >> (scale - 1) > 65535
