"""Small networks: what comes of them beside what is known of such networks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from research.anonymity import closed_forms
from research.anonymity.measure import alone, draw_mixes, messages_of, sender_entropy
from research.anonymity.network import LINK_S
from research.anonymity.people import Habits
from research.anonymity.simulate import Run, Scene, simulate


@pytest.fixture(scope="module")
def covered() -> Run:
    return simulate(Scene(clients=40, mixes=9, seconds=0.6, habits=Habits(requests_per_s=3.0, active_share=1.0)))


def test_clients_send_as_often_as_their_configuration_says(covered: Run):
    sent = (covered.trace.maker >= 0).sum()
    expected = 40 * 55.0 * 0.9
    assert abs(sent - expected) < 4 * math.sqrt(expected)
    assert covered.dropped == 0


def test_packets_are_under_way_for_as_long_as_three_delays(covered: Run):
    came = np.isfinite(covered.trace.ended_at)
    # Those that left last are under way; who is late among them would be missed.
    early = came & (covered.trace.made_at < 0.5) & (covered.trace.maker >= 0)
    under_way_s = (covered.trace.ended_at - covered.trace.made_at)[early] - 4 * LINK_S
    assert np.median(under_way_s) == pytest.approx(closed_forms.latency_s(0.015, 3, 0.5), rel=0.1)
    assert np.quantile(under_way_s, 0.95) == pytest.approx(closed_forms.latency_s(0.015, 3, 0.95), rel=0.15)


def test_entropy_grows_from_layer_to_layer_up_to_that_of_all_clients(covered: Run):
    messages = messages_of(covered, 40)
    layers = [sender_entropy(covered, messages, layer) for layer in (1, 2, 3)]
    assert len(messages) == 40
    assert layers[0].mean < layers[1].mean < layers[2].mean < math.log2(40)
    assert layers[2].mean > 0.9 * math.log2(40)
    # Through so few mixes nearly everything meets.
    assert layers[2].packets == pytest.approx(closed_forms.sender_entropy(40 * 55.0, 0.015, 3), abs=0.4)


def test_corrupt_mixes_take_it_away(covered: Run):
    messages = messages_of(covered, 40)
    means = [sender_entropy(covered, messages, 3, draw_mixes(covered, share, 1)).mean for share in (0.0, 0.4, 0.7, 1.0)]
    assert means == sorted(means, reverse=True)
    assert means[-1] == 0.0


def test_a_node_alone_knows_its_neighbours(covered: Run):
    known = alone(covered)
    assert known["entry"] == 0.0
    assert math.log2(40) - 1.2 < known["layer 1"] < known["layer 2"] == known["exit"] == math.log2(40)


def test_without_cover_nearly_nobody_is_there():
    bare = simulate(Scene(clients=40, mixes=9, covers=False, seconds=6.0))
    messages = messages_of(bare, 40)
    assert messages
    assert sender_entropy(bare, messages).mean < 1.5
