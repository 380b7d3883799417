"""Counters of a node, told to Prometheus and read back."""

import pytest

from mix_network.metrics import NodeMetrics
from mix_network.node.figures import NodeFigures
from mix_network.node.prometheus import render
from mix_network.processes.counters import read_counters


def test_what_a_node_tells_is_what_it_counts():
    metrics = NodeMetrics("mix-1", "mix-node", received=41, forwarded=40, waiting=3, loops_sent=7)
    metrics.drop("replayed")
    metrics.drop("queue_full")
    metrics.drop("queue_full")
    counters = read_counters(render(NodeFigures(metrics)).decode())
    snapshot = metrics.snapshot()
    assert {name: snapshot[name] for name in counters} == counters
    assert counters["dropped"] == {"replayed": 1, "queue_full": 2}
    assert (counters["received"], counters["waiting"]) == (41, 3)


def test_what_is_no_such_text_is_refused():
    with pytest.raises(ValueError):  # noqa: PT011 -- Prometheus' own words
        read_counters('mix_node_received_total{a="')
