import dataclasses

import pytest

from mix_protocol.addressing import NodeAddress
from mix_protocol.topology.route import RouteHop

ADDRESS = NodeAddress.from_text("192.0.2.1", 1789)


def test_hops_are_values():
    hop = RouteHop(ADDRESS, bytes(32))
    assert hop == RouteHop(NodeAddress.from_text("192.0.2.1", 1789), bytes(32))
    assert hash(hop) == hash(RouteHop(ADDRESS, bytes(32)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        hop.sphinx_key = b""


def test_a_route_in_a_log_tells_nothing():
    shown = repr(RouteHop(ADDRESS, b"k" * 32))
    assert "kkk" not in shown
    assert "192.0.2.1" not in shown
