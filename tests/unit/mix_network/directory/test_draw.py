"""Who does what in an epoch: fair, the same for everybody, and one job for each."""

import hashlib
from collections import Counter
from itertools import chain

import pytest

from mix_network.directory.draw import Candidate, draw_rewarded_set
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.errors import UsageError

SEED = bytes(range(32))


def mixes(count, start=1):
    random = SeededRandom("draw")
    return [Candidate(node_id, random(32), mixes=True) for node_id in range(start, start + count)]


def jobs(drawn):
    return [drawn.layer1, drawn.layer2, drawn.layer3, drawn.entry_gateways, drawn.exit_gateways, drawn.standby]


def test_every_mix_node_is_in_one_layer_and_layers_are_alike():
    drawn = draw_rewarded_set(SEED, 7, mixes(10))
    assert sorted(chain(*drawn.layers)) == list(range(1, 11))
    assert sorted(map(len, drawn.layers)) == [3, 3, 4]
    assert drawn.epoch_id == 7


def test_anybody_draws_the_same_from_what_is_published():
    nodes = mixes(6)
    expected = sorted(
        nodes,
        key=lambda node: hashlib.sha256(
            b"mix-network draw of an epoch, 1\0" + SEED + bytes([0, 0, 1, 2]) + node.identity
        ).digest(),
    )
    drawn = draw_rewarded_set(SEED, 0x102, nodes)
    assert drawn.layer1 == sorted((expected[0].node_id, expected[3].node_id))
    assert drawn.layer3 == sorted((expected[2].node_id, expected[5].node_id))
    assert draw_rewarded_set(SEED, 0x102, reversed(nodes)) == drawn


def test_another_epoch_or_seed_draws_anew_and_over_time_everybody_is_everywhere():
    nodes = mixes(9)
    first = draw_rewarded_set(SEED, 1, nodes)
    assert draw_rewarded_set(SEED, 2, nodes).layers != first.layers
    assert draw_rewarded_set(bytes(32), 1, nodes).layers != first.layers
    places = Counter()
    for epoch in range(900):
        for layer, members in enumerate(draw_rewarded_set(SEED, epoch, nodes).layers):
            places.update((layer, member) for member in members)
    # 27 places, each with 300 expected; five standard deviations are 71.
    assert len(places) == 27
    assert all(229 < count < 371 for count in places.values())


def test_a_bounded_layer_leaves_the_others_on_standby():
    drawn = draw_rewarded_set(SEED, 1, mixes(10), nodes_per_layer=2)
    assert list(map(len, drawn.layers)) == [2, 2, 2]
    assert len(drawn.standby) == 4
    assert sorted(chain(*jobs(drawn))) == list(range(1, 11))


def test_gateways_by_what_they_can_do():
    random = SeededRandom("gateways")
    entry = Candidate(20, random(32), enters=True)
    exit_ = Candidate(21, random(32), enters=True, exits=True)
    drawn = draw_rewarded_set(SEED, 1, [*mixes(3), entry, exit_])
    assert (drawn.entry_gateways, drawn.exit_gateways) == ([20], [21])
    assert list(map(len, drawn.layers)) == [1, 1, 1]


def test_who_can_do_everything_mixes_only_where_others_lack():
    random = SeededRandom("all")
    everything = [Candidate(node_id, random(32), mixes=True, enters=True, exits=True) for node_id in range(30, 34)]
    drawn = draw_rewarded_set(SEED, 1, everything)
    assert list(map(len, drawn.layers)) == [1, 1, 1]
    assert len(drawn.exit_gateways) == 1
    drawn = draw_rewarded_set(SEED, 1, [*mixes(2), *everything])
    assert len(drawn.exit_gateways) == 3
    drawn = draw_rewarded_set(SEED, 1, everything[:2])
    assert sum(map(len, drawn.layers)) == 1
    assert len(drawn.exit_gateways) == 1


def test_too_few_nodes_leave_layers_empty():
    assert jobs(draw_rewarded_set(SEED, 1, [])) == [[], [], [], [], [], []]
    assert sorted(map(len, draw_rewarded_set(SEED, 1, mixes(2)).layers)) == [0, 1, 1]


def test_a_seed_has_its_length():
    with pytest.raises(UsageError, match="32 bytes"):
        draw_rewarded_set(b"short", 1, [])
