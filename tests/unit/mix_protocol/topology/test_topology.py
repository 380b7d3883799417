from dataclasses import replace

import pytest

from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.errors import NetworkFailure, PeerMisbehaved
from mix_protocol.topology.errors import EmptyLayer, InconsistentDocuments, NoGateways, UnknownGateway
from mix_protocol.topology.topology import Topology

from .conftest import key, skimmed


def test_layers_come_from_the_rewarded_set(directory):
    topology = directory.topology()
    assert [[node.node_id for node in layer] for layer in topology.layers] == [[11, 12], [21], [31, 32]]
    assert set(topology.gateways) == {key(1), key(2), key(3)}


def test_a_nodes_role_does_not_matter_only_the_rewarded_set_does(directory):
    directory.change_mixnode(11, role="Standby")
    assert [node.node_id for node in directory.topology().layers[0]] == [11, 12]


def test_the_first_address_is_used(directory):
    assert directory.topology().gateways[key(1)].address == NodeAddress.from_text("10.1.1.1", 1789)


def test_routes_go_through_every_layer_and_use_every_node(directory):
    topology = directory.topology()
    random = SeededRandom(1)
    routes = [topology.route_to(key(3), random) for _ in range(100)]
    assert {len(route) for route in routes} == {4}
    ips = [{str(route[hop].address.ip) for route in routes} for hop in range(4)]
    assert ips == [{"10.1.11.1", "10.1.12.1"}, {"10.1.21.1"}, {"10.1.31.1", "10.1.32.1"}, {"10.1.3.1"}]
    assert routes[0][3].sphinx_key == key(103)


def test_a_route_to_a_stranger(directory):
    with pytest.raises(UnknownGateway):
        directory.topology().route_to(key(9), SeededRandom(1))


@pytest.mark.parametrize(
    ("performance", "usable"),
    [("1", True), ("1.0", True), ("0.5", True), ("0.50", True), ("0.499999", False), ("0.49", False), ("0", False)],
)
def test_the_performance_threshold(directory, performance, usable):
    directory.change_mixnode(11, performance=performance)
    directory.change_gateway(1, performance=performance)
    topology = directory.topology()
    assert (11 in {node.node_id for node in topology.layers[0]}) == usable
    assert (key(1) in topology.gateways) == usable


@pytest.mark.parametrize("performance", ["", "abc", "-1", "1e3", "NaN", "٣", "1" * 100, ".5", "0x1"])
def test_a_performance_that_is_no_number_counts_as_none(directory, performance):
    directory.change_mixnode(11, performance=performance)
    assert [node.node_id for node in directory.topology().layers[0]] == [12]


def test_a_gateway_that_we_are_bound_to_stays(directory):
    directory.change_gateway(1, performance="0.1")
    assert key(1) not in directory.topology().gateways
    assert key(1) in directory.topology(always_include=[key(1)]).gateways


@pytest.mark.parametrize(
    "changes",
    [
        {"ip_addresses": []},
        {"ip_addresses": ["nowhere"]},
        {"ed25519_identity_pubkey": "0OIl"},
        {"ed25519_identity_pubkey": "abc"},
        {"x25519_sphinx_pubkey": ""},
        {"x25519_sphinx_pubkey": "é"},
    ],
)
def test_unusable_nodes_are_left_out(directory, changes):
    directory.change_mixnode(11, **changes)
    directory.change_gateway(2, **changes)
    topology = directory.topology()
    assert [node.node_id for node in topology.layers[0]] == [12]
    assert {node.node_id for node in topology.gateways.values()} == {1, 3}


@pytest.mark.parametrize(("node_ids", "layer"), [((11, 12), 1), ((21,), 2), ((31, 32), 3)])
def test_an_empty_layer_is_named(directory, node_ids, layer):
    for node_id in node_ids:
        directory.change_mixnode(node_id, performance="0")
    with pytest.raises(EmptyLayer, match=f"layer {layer} has no usable node") as caught:
        directory.topology()
    assert caught.value.fields == {"layer": layer, "assigned": len(node_ids)}
    assert isinstance(caught.value, NetworkFailure)
    assert caught.value.retryable


def test_ids_without_details_are_skipped(directory):
    directory.rewarded = replace(directory.rewarded, layer2=[99, 21, 21])
    assert [node.node_id for node in directory.topology().layers[1]] == [21]


def test_an_empty_rewarded_set(directory):
    directory.rewarded = replace(directory.rewarded, layer1=[], layer2=[], layer3=[])
    with pytest.raises(EmptyLayer):
        directory.topology()


def test_no_gateways(directory):
    directory.gateways = []
    with pytest.raises(NoGateways):
        directory.topology()


def test_documents_of_different_epochs(directory):
    mixnodes, gateways = skimmed(*directory.mixnodes), skimmed(*directory.gateways)
    for rewarded, nodes, entries in (
        (replace(directory.rewarded, epoch_id=999), mixnodes, gateways),
        (directory.rewarded, mixnodes, skimmed(*directory.gateways, epoch=1001)),
        (directory.rewarded, skimmed(*directory.mixnodes, epoch=1001), gateways),
        (directory.rewarded, mixnodes, skimmed(*directory.gateways, rotation=42)),
    ):
        with pytest.raises(InconsistentDocuments) as caught:
            Topology.from_documents(rewarded, nodes, entries)
        assert caught.value.retryable
        assert isinstance(caught.value, PeerMisbehaved)


@pytest.mark.parametrize(
    ("rotation", "expected"),
    [(41, KeyRotation.ODD), (40, KeyRotation.EVEN), (0, KeyRotation.UNKNOWN), (0xFFFFFFFF, KeyRotation.UNKNOWN)],
)
def test_the_rotation_byte(directory, rotation, expected):
    topology = Topology.from_documents(
        directory.rewarded,
        skimmed(*directory.mixnodes, rotation=rotation),
        skimmed(*directory.gateways, rotation=rotation),
    )
    assert topology.key_rotation is expected


def test_a_topology_shows_no_sphinx_keys(directory):
    topology = directory.topology()
    assert "eeee" not in repr(topology)  # 101 is "e"
    assert "sphinx_key" not in repr(topology.route_to(key(1), SeededRandom(1)))
