import math

import pytest

from mix_protocol.node_api.load import Load, NodeLoad

QUIET = {"memory": 0.0, "swap": 0.0, "swap_bytes": 0, "received_bits_per_second": 0.0, "sent_bits_per_second": 0.0}


@pytest.mark.parametrize(
    ("share", "level"),
    [
        (0, "unknown"),
        (math.nan, "unknown"),
        (math.inf, "unknown"),
        (0.1, "negligible"),
        (0.3, "low"),
        (0.31, "medium"),
        (0.8, "high"),
        (0.95, "very_high"),
        (0.96, "at_capacity"),
        (7, "at_capacity"),
    ],
)
def test_levels(share, level):
    assert Load.of(share) == level


def test_a_level_is_raised_by_one_to_the_highest():
    levels = list(Load)
    assert [level.raised() for level in levels] == [levels[0], *levels[2:], levels[-1]]


@pytest.mark.parametrize(
    ("figures", "machine", "network", "total"),
    [
        ({"cpu": 0.2}, "low", "unknown", "low"),
        ({"cpu": 0.2, "memory": 0.9}, "medium", "unknown", "medium"),
        ({"cpu": 0.2, "memory": 0.9, "swap": 0.9, "swap_bytes": 2 << 30}, "high", "unknown", "high"),
        ({"cpu": 0.2, "swap": 0.9, "swap_bytes": 1 << 30}, "low", "unknown", "low"),
        ({"cpu": 0.2, "sent_bits_per_second": 2e8}, "low", "low", "medium"),
        ({"cpu": 0.2, "received_bits_per_second": 9e8}, "low", "very_high", "medium"),
    ],
)
def test_what_a_machine_is_busy_with(figures, machine, network, total):
    load = NodeLoad.assess(**{**QUIET, **figures})
    assert (load.machine, load.network, load.total) == (machine, network, total)
