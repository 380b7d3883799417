"""Which node has which job in an epoch."""

from __future__ import annotations

import pytest

from mix_network.directory.assignment import EpochAssignment
from mix_network.directory.draw import Candidate, draw_rewarded_set

SEED = bytes(range(32))


def node(node_id: int, **roles: bool) -> Candidate:
    return Candidate(node_id, bytes([node_id]) * 32, **(roles or {"mixes": True}))


GATEWAYS = [node(1, enters=True), node(2, enters=True, exits=True)]


def assignment_of(per_layer: int, seed: bytes | None, *others: Candidate) -> EpochAssignment:
    assignment = EpochAssignment(seed)
    for gateway in (*GATEWAYS, *others):
        assignment.add(gateway)
    for number in range(3 * per_layer):
        assignment.add(node(11 + number), layer=1 + number % 3)
    return assignment


def test_without_a_seed_layers_stay_and_a_new_node_serves_at_once():
    assignment = assignment_of(2, None)
    assert assignment.of(1).layers == assignment.of(99).layers
    assert [list(layer) for layer in assignment.of(1).layers] == [[11, 14], [12, 15], [13, 16]]
    assignment.add(node(17), layer=2)
    assert list(assignment.of(99).layer2) == [12, 15, 17]
    assert (list(assignment.of(99).entry_gateways), list(assignment.of(99).exit_gateways)) == ([1], [2])


def test_with_a_seed_everybody_can_draw_the_layers_of_an_epoch_again():
    assignment = assignment_of(3, SEED)
    candidates = [*GATEWAYS, *(node(11 + number) for number in range(9))]
    for epoch in range(20):
        assert assignment.of(epoch) == draw_rewarded_set(SEED, epoch, candidates)
    assert len({tuple(map(tuple, assignment.of(epoch).layers)) for epoch in range(20)}) > 10


def test_where_layers_are_drawn_a_new_node_waits_for_the_next_epoch():
    assignment = assignment_of(1, SEED)
    before = assignment.of(5)
    assignment.add(node(20), layer=1)
    assert assignment.of(5) == before
    assert 20 in {each for layer in assignment.of(6).layers for each in layer}


@pytest.mark.parametrize("seed", [None, SEED])
def test_who_is_away_has_no_job_from_the_next_epoch_on_and_has_one_again_when_it_is_back(seed: bytes | None):
    assignment = assignment_of(2, seed, node(3, enters=True))
    before = assignment.of(5)
    for away in (11, 3):
        assignment.set_away(away, True)
    assert assignment.of(5) == before
    after = assignment.of(6)
    assert 11 not in {each for layer in after.layers for each in layer}
    assert list(after.entry_gateways) == [1]
    for away in (11, 3):
        assignment.set_away(away, False)
    assert 11 in {each for layer in assignment.of(7).layers for each in layer}
    assert list(assignment.of(7).entry_gateways) == [1, 3]


def test_no_layer_and_no_kind_of_gateway_is_ever_empty():
    assignment = assignment_of(1, None)
    for away in (1, 2, 12):
        assignment.set_away(away, True)
    after = assignment.of(6)
    assert all(after.layers)
    assert (list(after.entry_gateways), list(after.exit_gateways)) == ([1], [2])
