from collections import Counter

from mix_protocol.crypto.randomness import SeededRandom
from mix_tunnel.mixnet.send_queue import IDLE_LANE_S, SendQueue


def test_one_lane_is_first_in_first_out():
    queue = SendQueue[int](SeededRandom(1))
    for item in range(5):
        queue.push("a", item, now=0.0)
    assert [queue.pop(0.0) for _ in range(6)] == [0, 1, 2, 3, 4, None]
    assert len(queue) == 0


def test_small_lanes_go_before_large_ones_and_share_evenly():
    queue = SendQueue[str](SeededRandom(2))
    for _ in range(500):
        queue.push("bulk", "bulk", 0.0)
    for _ in range(40):
        queue.push("one", "one", 0.0)
        queue.push("two", "two", 0.0)
    first = Counter(queue.pop(0.0) for _ in range(60))
    assert first["bulk"] == 0
    assert first["one"] > 15
    assert first["two"] > 15


def test_large_lanes_all_get_their_turn():
    queue = SendQueue[int](SeededRandom(3))
    for lane in range(8):
        for _ in range(400):
            queue.push(lane, lane, 0.0)
    popped = Counter(queue.pop(0.0) for _ in range(1000))
    assert set(popped) == set(range(8))
    # The four lanes that have sent most get most, so that they come to an end.
    assert sum(count for _, count in popped.most_common(4)) > 600


def test_discard_drops_only_what_is_unwanted():
    queue = SendQueue[int](SeededRandom(4))
    for item in range(10):
        queue.push(item % 2, item, 0.0)
    queue.discard(lambda item: item >= 5)
    assert len(queue) == 5
    assert sorted(queue.pop(0.0) or 0 for _ in range(5)) == [0, 1, 2, 3, 4]
    assert queue.pop(0.0) is None


def test_lane_length_counts_what_waits_in_it():
    queue = SendQueue[int](SeededRandom(5))
    assert queue.lane_length("a") == 0
    queue.push("a", 1, 0.0)
    queue.push("b", 2, 0.0)
    assert queue.lane_length("a") == 1


def test_idle_lanes_are_forgotten_but_never_with_items():
    queue = SendQueue[int](SeededRandom(6))
    for lane in range(100):
        queue.push(lane, lane, 0.0)
    for _ in range(99):
        queue.pop(1.0)
    queue.drop_idle_lanes(1.0 + IDLE_LANE_S)
    assert len(queue._lanes) == 1
    assert queue.pop(0.0) is not None
