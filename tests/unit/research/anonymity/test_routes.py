"""When a client's first route is the adversary's, beside what is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from research.anonymity import closed_forms
from research.anonymity.clear_sphinx import ClearCrypto
from research.anonymity.population import Population
from research.anonymity.routes import EPOCH_S, Plan, chance_of_route, draw_corrupt, first_compromised

from mix_protocol.crypto.randomness import SeededRandom

POPULATION = Population(ClearCrypto(), SeededRandom("routes"), 30, 4, 4)


def test_layers_are_drawn_anew_each_epoch_and_the_same_for_everybody():
    first, again, other = (POPULATION.topology(epoch) for epoch in (1, 1, 2))
    assert first.layers == again.layers != other.layers
    assert [len(layer) for layer in first.layers] == [10, 10, 10]


def test_routes_of_the_client_are_corrupt_as_often_as_the_layers_say():
    topology = POPULATION.topology()
    corrupt = frozenset(node.node_id for layer in topology.layers for node in layer[:5])
    assert chance_of_route(topology, corrupt) == pytest.approx(0.125)
    random, addresses = SeededRandom(1), {node.address: node.node_id for layer in topology.layers for node in layer}
    drawn = 2000
    hits = sum(
        all(addresses[hop.address] in corrupt for hop in topology.route_to(POPULATION.exits[0].identity, random)[:-1])
        for _ in range(drawn)
    )
    assert abs(hits - 250) < 4 * math.sqrt(drawn * 0.125 * 0.875)


def test_every_node_is_corrupt_with_the_same_chance():
    counts = [len(draw_corrupt(POPULATION, 0.25, SeededRandom(number))) for number in range(200)]
    assert np.mean(counts) == pytest.approx(38 * 0.25, rel=0.1)


def test_the_median_time_is_that_of_a_geometric_distribution():
    everything = Population(ClearCrypto(), SeededRandom("large"), 300, 4, 4)
    plan = Plan(corrupt_share=0.4, packets_per_s=1.0, redraws=False, limit_s=10 * EPOCH_S)
    times = first_compromised(everything, plan, 300, seed=1)
    # Each has an adversary of its own, whose shares of the layers differ a little.
    assert np.median(times) == pytest.approx(closed_forms.median_packets_until(0.4**3), rel=0.3)


def test_more_packets_than_are_drawn_one_by_one_take_no_longer():
    plan = Plan(corrupt_share=0.2, packets_per_s=10.0, redraws=False, limit_s=10 * EPOCH_S)
    large = Population(ClearCrypto(), SeededRandom("large"), 600, 4, 4)
    times = first_compromised(large, plan, 200, seed=1)
    assert np.median(times) == pytest.approx(closed_forms.median_packets_until(0.2**3) / 10.0, rel=0.4)


def test_who_has_no_corrupt_node_in_a_layer_is_safe_until_the_layers_are_drawn_anew():
    stays, moves = (
        first_compromised(
            POPULATION, Plan(corrupt_share=0.1, packets_per_s=100.0, redraws=redraws, limit_s=50 * EPOCH_S), 80, seed=2
        )
        for redraws in (False, True)
    )
    # All three layers have one of their ten: (1 - 0.9**10)**3
    assert np.isfinite(stays).mean() == pytest.approx((1 - 0.9**10) ** 3, abs=0.15)
    assert np.isfinite(moves).mean() > 0.7


def test_a_whole_route_takes_a_session_between_two_corrupt_gateways():
    def plan(session_s: float | None) -> Plan:
        return Plan(corrupt_share=0.5, packets_per_s=10.0, session_s=session_s, whole=True, limit_s=20 * EPOCH_S)

    once, often = (first_compromised(POPULATION, plan(session_s), 120, seed=3) for session_s in (None, EPOCH_S))
    assert np.isfinite(once).mean() == pytest.approx(0.25, abs=0.15)
    # Some adversaries have none of the four entries, or none of the four exits.
    assert np.isfinite(often).mean() == pytest.approx((1 - 0.5**4) ** 2, abs=0.15)
