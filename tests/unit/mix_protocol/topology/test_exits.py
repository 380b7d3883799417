import pytest

from mix_protocol.topology.described import DescribedNodes
from mix_protocol.topology.documents import SupportedRoles
from mix_protocol.topology.errors import NoCompatibleExit, NoExit
from mix_protocol.topology.exits import NodeVersion, find_exit, ipr_version_of, list_exits

from .conftest import described, gateway, router_of, skimmed


@pytest.mark.parametrize(
    ("version", "ipr_version"),
    [
        ("1.29.0", None),
        ("1.29.99", None),
        ("0.99.0", None),
        ("1.30.0-rc.1", None),
        ("1.30.0", 9),
        ("1.30.0+build.5", 9),
        ("1.36.9", 9),
        ("1.37.0-rc.1", 9),
        ("1.37.0", 10),
        ("1.40.0", 10),
        ("2.0.0", 10),
        ("", None),
        ("1.30", None),
        ("v1.40.0", None),
        ("1.40.0 ", None),
        ("1.4০.0", None),
        ("9" * 200, None),
    ],
)
def test_which_protocol_a_version_speaks(version, ipr_version):
    assert ipr_version_of(version) == ipr_version


def test_versions_are_ordered_by_number():
    assert NodeVersion.parse("1.9.0") < NodeVersion.parse("1.10.0")
    assert NodeVersion.parse("1.10.0-alpha") < NodeVersion.parse("1.10.0")


def found(nodes, *gateways):
    return list_exits(DescribedNodes.of(nodes), skimmed(*gateways))


def test_exits_have_a_router_in_both_documents():
    nodes = [described(1), described(2, address=None), described(3), described(4), described(5, address="nonsense")]
    without_role = gateway(4, supported_roles=SupportedRoles(entry=True))
    (exit_node,) = found(nodes, gateway(1), gateway(2), without_role, gateway(5))
    assert exit_node.recipient == router_of(1)
    assert (exit_node.ipr_version, exit_node.performance_percent) == (10, 100)
    assert exit_node.gateway == router_of(1).gateway


def test_slow_exits_cannot_be_routed_to_and_are_left_out():
    exits = found([described(1), described(2)], gateway(1, performance="0.49"), gateway(2, performance="0.755"))
    assert [(node.recipient, node.performance_percent) for node in exits] == [(router_of(2), 75)]


def test_versions_decide():
    nodes = [described(1, "1.29.0"), described(2, "1.30.0"), described(3, "1.37.0"), described(4, "?")]
    exits = found(nodes, *(gateway(number) for number in range(1, 5)))
    assert [(node.recipient, node.ipr_version) for node in exits] == [(router_of(2), 9), (router_of(3), 10)]


def test_only_old_exits():
    with pytest.raises(NoCompatibleExit) as caught:
        found([described(1, "1.29.0")], gateway(1))
    assert caught.value.fields == {"too_old": 1}


def test_no_exits():
    with pytest.raises(NoExit):
        found([described(1, address=None)], gateway(1))


def test_a_pinned_exit_is_taken_whatever_its_performance():
    nodes = DescribedNodes.of([described(1, "1.31.0"), described(2)])
    assert find_exit(router_of(1), nodes).ipr_version == 9
    assert find_exit(router_of(2), nodes).ipr_version == 10


def test_an_unknown_pinned_exit_is_assumed_to_speak_version_9():
    exit_node = find_exit(router_of(7), DescribedNodes.of([described(1)]))
    assert (exit_node.recipient, exit_node.version, exit_node.ipr_version) == (router_of(7), "", 9)


def test_a_pinned_exit_that_is_too_old():
    with pytest.raises(NoCompatibleExit):
        find_exit(router_of(1), DescribedNodes.of([described(1, "1.20.0")]))
