import pytest

from mix_protocol.addressing import KeyRotation
from mix_protocol.messages.surb_store import SurbStore, SurbThresholds


@pytest.fixture
def store() -> SurbStore:
    return SurbStore(SurbThresholds())


def test_first_in_first_out(store: SurbStore, make_surb):
    surbs = make_surb.many(3)
    store.add(surbs, 0.0)
    assert [store.take() for _ in range(4)] == [*surbs, None]


def test_the_reserve_is_not_for_ordinary_replies(store: SurbStore, make_surb):
    assert store.above_reserve == 0
    store.add(make_surb.many(10), 0.0)
    assert (len(store), store.above_reserve) == (10, 0)
    store.add(make_surb.many(2), 0.0)
    assert store.above_reserve == 2


@pytest.mark.parametrize(
    ("fresh", "requested", "queued", "amount"),
    [
        (10, 0, 0, 0),
        (9, 0, 0, 10),  # the reserve itself is short
        (10, 0, 1, 10),  # at least the minimum
        (10, 0, 30, 30),
        (10, 0, 1000, 50),  # at most the maximum
        (10, 50, 50, 0),  # enough on the way
        (10, 50, 51, 50),
        (40, 160, 1000, 0),  # enough altogether
        (40, 159, 1000, 50),
    ],
)
def test_when_to_ask_for_more(store: SurbStore, make_surb, fresh: int, requested: int, queued: int, amount: int):
    store.add(make_surb.many(fresh), 0.0)
    store.requested = requested
    assert store.amount_to_request(queued) == amount


def test_suspects_are_used_last_and_replaced_first(store: SurbStore, make_surb):
    odd, unknown = make_surb.many(8, KeyRotation.ODD), make_surb.many(8, KeyRotation.UNKNOWN)
    even = make_surb.many(4, KeyRotation.EVEN)
    store.add(odd + unknown, 0.0)
    store.add(even, 1.0)
    assert store.suspect(KeyRotation.EVEN) == 16
    assert (store.fresh, len(store)) == (4, 20)
    assert [store.take() for _ in range(5)] == [*even, odd[0]]

    store.add(make_surb.many(13, KeyRotation.EVEN), 2.0)
    # three fresh ones above the reserve took the places of three suspects
    assert (store.fresh, len(store)) == (13, 13 + 12)
    assert store.drop_stale() == 12
    assert len(store) == 13


def test_what_is_stale_when_it_comes_goes_last_and_is_not_asked_for_again_at_once(store: SurbStore, make_surb):
    store.suspect(KeyRotation.EVEN)
    former, current = make_surb.many(9, KeyRotation.ODD), make_surb.many(2, KeyRotation.EVEN)
    unknown = make_surb.many(1, KeyRotation.UNKNOWN)
    assert store.amount_to_request(0) == 10
    store.add(former, 0.0, KeyRotation.EVEN)
    store.add(current + unknown, 0.0, KeyRotation.EVEN)
    assert (store.fresh, len(store)) == (3, 12)
    assert store.amount_to_request(0) == 0
    assert [store.take() for _ in range(4)] == [*current, *unknown, former[0]]
    assert store.drop_stale() == 8
    assert store.amount_to_request(0) == 10


def test_without_a_known_rotation_all_are_suspect(store: SurbStore, make_surb):
    store.add(make_surb.many(3, KeyRotation.UNKNOWN) + make_surb.many(3, KeyRotation.ODD), 0.0)
    assert store.suspect(KeyRotation.UNKNOWN) == 6
    assert store.fresh == 0


def test_old_ones_are_dropped(store: SurbStore, make_surb):
    for moment in range(5):
        store.add(make_surb.many(2), float(moment))
    assert store.suspect(KeyRotation.EVEN) == 10
    store.add(make_surb.many(2, KeyRotation.EVEN), 5.0)
    assert store.drop_received_before(3.0) == 6
    assert (len(store), store.fresh) == (6, 2)
    assert store.drop_received_before(10.0) == 6


def test_their_number_is_bounded(make_surb):
    store = SurbStore(SurbThresholds(capacity=20))
    surbs = make_surb.many(30)
    store.add(surbs, 0.0)
    assert len(store) == 20
    assert store.take() == surbs[10]


def test_data_takes_the_sealing_ones_and_what_must_arrive_the_others(store: SurbStore, make_surb):
    open_ones, sealing = make_surb.many(3), [make_surb(hops=1) for _ in range(3)]
    store.add([*open_ones, *sealing], 0.0)
    assert store.take(seals=True) == sealing[0]
    assert store.take() == open_ones[0]
    assert [store.take(seals=True) for _ in range(4)] == [*sealing[1:], *open_ones[1:]]
    assert store.take(seals=True) is None


def test_no_long_search_is_made_for_sealing_ones_among_many(store: SurbStore, make_surb):
    many, sealing = make_surb.many(40), make_surb(hops=1)
    store.add([*many, sealing], 0.0)
    assert store.take(seals=True) == many[0]
    for _ in range(25):
        store.take()
    assert store.take(seals=True) == sealing
