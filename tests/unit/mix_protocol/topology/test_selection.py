from collections import Counter

from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.topology.exits import ExitNode
from mix_protocol.topology.selection import in_random_order, in_weighted_order

from .conftest import router_of


def test_random_order_keeps_every_candidate():
    candidates = list(range(10))
    orders = [tuple(in_random_order(SeededRandom(seed), candidates)) for seed in range(50)]
    assert all(sorted(order) == candidates for order in orders)
    assert len(set(orders)) == 50


def test_random_order_puts_each_candidate_first_about_as_often():
    random = SeededRandom(1)
    firsts = Counter(in_random_order(random, "abc")[0] for _ in range(3000))
    assert set(firsts) == set("abc")
    assert min(firsts.values()) > 850


def test_weighted_order_prefers_good_exits_and_keeps_the_others():
    exits = [ExitNode(router_of(1), "1.40.0", 10, 100), ExitNode(router_of(2), "1.40.0", 10, 50)]
    random = SeededRandom(2)
    orders = [in_weighted_order(random, exits) for _ in range(3000)]
    assert all(set(order) == set(exits) for order in orders)
    share = sum(order[0] is exits[0] for order in orders) / len(orders)
    assert 0.62 < share < 0.71


def test_weights_count_at_every_place():
    """The second of three, once the best is drawn, is drawn by the weights of the two that are left."""
    weights = {1: 100, 2: 60, 3: 20}
    exits = [ExitNode(router_of(number), "1.40.0", 10, weight) for number, weight in weights.items()]
    random = SeededRandom(3)
    orders = [in_weighted_order(random, exits) for _ in range(4000)]
    seconds = Counter(order[1].performance_percent for order in orders if order[0] is exits[0])
    assert 0.71 < seconds[60] / seconds.total() < 0.79


def test_an_exit_without_performance_comes_last_but_comes():
    exits = [ExitNode(router_of(1), "1.40.0", 10, 0), ExitNode(router_of(2), "1.40.0", 10, 100)]
    assert in_weighted_order(SeededRandom(4), exits) == exits[::-1]


def test_nothing_to_order():
    assert in_random_order(SeededRandom(1), []) == []
    assert in_weighted_order(SeededRandom(1), []) == []
