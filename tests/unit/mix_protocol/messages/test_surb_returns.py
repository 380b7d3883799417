from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.messages.surb_returns import SurbReturns

ALICE, BOB = b"alice's tag 16 b", b"bob's tag, 16 by"
MEAN_S = 0.015


def returns(capacity: int = 10_000) -> SurbReturns:
    return SurbReturns(SeededRandom("returns"), mean_delay_s=MEAN_S, capacity=capacity)


def test_each_leaves_once_in_the_order_of_its_moment(make_surb):
    subject = returns()
    given = {tag: make_surb.many(5) for tag in (ALICE, BOB)}
    for tag, surbs in given.items():
        subject.add(tag, surbs, 10.0)
    taken, now = [], 10.0
    while (moment := subject.next_timeout()) is not None:
        assert moment >= now
        assert subject.take_due(moment - 1e-9) is None
        now = moment
        taken.append(subject.take_due(now))
    assert len(subject) == 0
    assert sorted(map(repr, taken)) == sorted(repr((tag, surb)) for tag, surbs in given.items() for surb in surbs)
    assert [surb for tag, surb in taken if tag == ALICE] != list(given[ALICE])  # at random times, so mixed


def test_the_times_are_exponential_whatever_comes_meanwhile(make_surb):
    subject = returns()
    surb = make_surb()
    for _ in range(4000):
        subject.add(ALICE, [surb], 0.0)
    moments = []
    while (moment := subject.next_timeout()) is not None:
        moments.append(moment)
        subject.take_due(moment)
    assert abs(sum(moments) / len(moments) / MEAN_S - 1.0) < 0.05
    median = sorted(moments)[len(moments) // 2]
    assert abs(median / (MEAN_S * 0.6931) - 1.0) < 0.08


def test_what_does_not_fit_is_lost(make_surb):
    subject = returns(capacity=3)
    subject.add(ALICE, make_surb.many(5), 0.0)
    assert len(subject) == 3
    subject.take_due(subject.next_timeout() or 0.0)
    subject.add(BOB, make_surb.many(5), 0.0)
    assert len(subject) == 3
