"""One direction of a link, on a clock of the test's own."""

from __future__ import annotations

from itertools import pairwise

import pytest

from mix_network.links.model import MAX_HELD_BYTES, LinkModel, Loss
from mix_network.links.profile import LinkProfile
from mix_protocol.crypto.randomness import SeededRandom

BYTES = bytes(1000)


def link(meaning: Loss = Loss.DROPPED, **profile: float) -> LinkModel[bytes]:
    return LinkModel(SeededRandom(1), meaning, LinkProfile(**profile))


def test_a_perfect_link_takes_no_time():
    model = link()
    assert model.put(b"a", 5.0) is None
    assert model.take(5.0) == [b"a"]
    assert model.next_timeout() is None


def test_everything_takes_the_delay():
    model = link(delay_s=0.08)
    model.put(b"a", 1.0)
    assert model.next_timeout() == pytest.approx(1.08)
    assert model.take(1.0799) == []
    assert model.take(1.0801) == [b"a"]


def test_a_rate_lets_items_pass_one_after_the_other():
    model = link(rate_bit_s=8_000.0, delay_s=0.5)
    for name in (b"a", b"b"):
        model.put(name * 100, 0.0)
    assert model.take(0.59) == []
    assert model.take(0.601) == [b"a" * 100]
    assert model.take(0.701) == [b"b" * 100]


def test_what_the_queue_does_not_hold_is_dropped():
    model = link(rate_bit_s=800_000.0)  # 100 kB a second, and as much waits
    outcomes = [model.put(BYTES, 0.0) for _ in range(150)]
    assert outcomes.count(None) in (100, 101)
    assert set(outcomes[101:]) == {"link_queue_full"}
    assert len(model.take(2.0)) == outcomes.count(None)
    assert model.put(BYTES, 2.0) is None


def test_a_slow_link_has_room_for_a_few_packets_all_the_same():
    model = link(rate_bit_s=8_000.0)
    assert [model.put(BYTES, 0.0) for _ in range(60)] == [None] * 60


def test_what_is_on_its_way_is_bounded():
    model = link(delay_s=10.0)
    piece = bytes(1 << 20)
    outcomes = [model.put(piece, 0.0) for _ in range(20)]
    assert outcomes.count(None) == MAX_HELD_BYTES >> 20
    assert outcomes[-1] == "link_queue_full"


def test_a_lost_packet_is_gone():
    model = link(loss=0.3)
    outcomes = [model.put(b"a", 0.0) for _ in range(1000)]
    lost = outcomes.count("link_loss")
    assert 240 < lost < 360
    assert len(model.take(0.0)) == 1000 - lost


def test_where_tcp_repeats_a_loss_is_late_and_all_behind_it_wait():
    model = link(Loss.REPEATED, loss=0.1, delay_s=0.15)
    for number in range(100):
        assert model.put(bytes([number]), number * 0.01) is None
    assert len(model.take(0.151)) <= 1
    times = []
    arrived = []
    while (due := model.next_timeout()) is not None:
        items = model.take(due)
        arrived += items
        times += [due] * len(items)
    assert arrived == [bytes([number]) for number in range(100 - len(arrived), 100)]
    assert times == sorted(times)
    waits = [after - before for before, after in pairwise(times)]
    assert max(waits) > 0.2  # a repeat comes after the link's round trip of 0.3 s


def test_who_sends_over_tcp_waits_for_room():
    model = link(Loss.REPEATED, rate_bit_s=800_000.0)
    for _ in range(150):
        assert model.put(BYTES, 0.0) is None
    assert model.room_at(0.0) == pytest.approx(0.5)
    assert len(model.take(2.0)) == 150
    assert model.room_at(2.0) <= 2.0
    unlimited = link(Loss.REPEATED, delay_s=3.0)
    unlimited.put(bytes(MAX_HELD_BYTES + 1), 1.0)
    assert unlimited.room_at(1.0) == pytest.approx(4.0)


def test_a_link_that_is_switched_lets_nothing_overtake():
    model = link(delay_s=2.0)
    model.put(b"slow", 0.0)
    model.change(LinkProfile())
    model.put(b"quick", 1.0)
    assert model.take(1.0) == []
    assert model.take(2.0) == [b"slow", b"quick"]
