import pytest

from mix_protocol.topology.described import BuildInformation
from mix_protocol.topology.features import NodeFeature, announce_features, features_of


@pytest.mark.parametrize("features", [frozenset(), frozenset(NodeFeature), frozenset({NodeFeature.ROUTER_ECHO})])
def test_what_is_announced_is_read(features: frozenset[NodeFeature]):
    build = BuildInformation(binary_name=announce_features(features), build_version="1.40.0")
    assert features_of(build) == features


@pytest.mark.parametrize("name", ["nym-node", "", "nym-node router-echo", "mix-network-router-echo", "router-echo"])
def test_other_programs_announce_nothing(name: str):
    assert features_of(BuildInformation(binary_name=name, build_version="1.40.0")) == frozenset()


def test_words_of_newer_nodes_are_passed_over():
    build = BuildInformation(binary_name="mix-network  levitation router-echo x", build_version="1.40.0")
    assert features_of(build) == {NodeFeature.ROUTER_ECHO}


def test_an_endless_name_is_not_looked_at():
    name = announce_features(NodeFeature) + " x" * 500
    assert features_of(BuildInformation(binary_name=name, build_version="1.40.0")) == frozenset()
