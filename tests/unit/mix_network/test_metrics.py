"""Counters of several exits, told as one."""

from __future__ import annotations

from mix_network.metrics import add_up


def test_counters_are_added_number_by_number():
    one = {"messages": 3, "flows": {"tcp": 1, "udp": 0}, "flow_count": 1}
    other = {"messages": 4, "flows": {"tcp": 2, "udp": 5}, "flow_count": 7}
    assert add_up([one, other]) == {"messages": 7, "flows": {"tcp": 3, "udp": 5}, "flow_count": 8}
    assert add_up([one]) == one
    assert one["flows"] == {"tcp": 1, "udp": 0}, "nothing is added into what was given"
