"""Who loses packets is found from whole routes, as far as they tell it."""

import random

import pytest

from mix_network.directory.tomography import LEAST_TRIALS, estimate_passed, performance_of


def tried(passes, count, layers=((1, 2, 3), (4, 5, 6), (7, 8, 9), (10, 11)), seed="routes"):
    """Routes there and back through nodes, each of which passes a packet on with its probability."""
    draw = random.Random(seed)
    for _ in range(count):
        path = tuple(draw.choice(layer) for layer in (*layers, *layers[:3]))
        yield path, all(draw.random() < passes.get(node, 1.0) for node in path)


@pytest.mark.parametrize("passes", [{}, {2: 0.5}, {2: 0.0}, {2: 0.5, 11: 0.7}, {1: 0.8, 2: 0.2, 7: 0.5}])
def test_what_each_node_passes_on_is_estimated(passes):
    estimated = estimate_passed(tried(passes, 2000), {})
    for node, (share, trials) in estimated.items():
        assert abs(share - passes.get(node, 1.0)) < 0.08, (node, share)
        assert trials > 100


def test_where_routes_do_not_tell_what_is_known_otherwise_decides():
    """All packets take the same four nodes; one of them is known to lose some."""
    routes = [((1, 2, 3, 4), number % 2 == 0) for number in range(100)]
    told = performance_of({1: 1.0, 2: 1.0, 3: 0.5, 4: 1.0}, routes)
    assert told[3] == pytest.approx(0.5, abs=0.05)
    assert min(told[1], told[2], told[4]) > 0.95
    # Nobody is known for anything: they share it.
    shared = estimate_passed(routes, {})
    assert all(0.78 < share < 0.92 for share, _ in shared.values())


def test_few_routes_say_nothing():
    routes = [((1, 2, 3, 4), False)] * (LEAST_TRIALS - 1)
    assert performance_of({1: 1.0, 2: 0.75}, routes) == {1: 1.0, 2: 0.75}
    assert performance_of({}, []) == {}


def test_good_nodes_are_given_what_they_had():
    assert performance_of({1: 1.0, 4: 0.9}, tried({}, 500)) == {
        **dict.fromkeys((1, 2, 3, 5, 6, 7, 8, 9, 10, 11), 1.0),
        4: 0.9,
    }


def test_shares_stay_shares_whatever_is_seen():
    for seed in range(20):
        draw = random.Random(seed)
        routes = [(tuple(draw.randrange(5) for _ in range(7)), draw.random() < 0.5) for _ in range(draw.randrange(60))]
        for share, trials in estimate_passed(routes, {node: draw.random() for node in range(5)}).values():
            assert 0 < share < 1
            assert trials >= 0
