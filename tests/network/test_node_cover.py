"""Nodes of a local network send loops of their own, and get them back."""

from __future__ import annotations

import pytest
from support.waiting import until

from mix_network.errors import InvalidNetworkOption
from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions


async def test_every_nodes_loops_come_back():
    async with LocalNetwork(NetworkOptions(node_cover=50.0)) as network:
        await until(lambda: all(node["loops_returned"] >= 5 for node in network.metrics()["nodes"]))
        nodes = network.metrics()["nodes"]
        assert len(nodes) == 5
        assert all(node["dropped"] == {} for node in nodes)
        assert not any(node["pushed"] or node["stored"] for node in nodes)


async def test_without_it_nodes_are_silent():
    async with LocalNetwork(NetworkOptions()) as network:
        assert all(node["loops_sent"] == 0 for node in network.metrics()["nodes"])


@pytest.mark.parametrize("rate", [-1.0, 101.0, float("nan"), float("inf")])
def test_a_rate_that_can_not_be(rate: float):
    with pytest.raises(InvalidNetworkOption) as caught:
        NetworkOptions(node_cover=rate)
    assert caught.value.fields["option"] == "node_cover"
