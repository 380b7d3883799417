"""Which nodes are close to each other, and that no route has two such."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace

import pytest

from mix_protocol.codec import base58
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.topology.documents import EntryInterface, RewardedSet
from mix_protocol.topology.errors import NoDiverseRoute
from mix_protocol.topology.kinship import are_close, kinship_of
from mix_protocol.topology.topology import Topology

from .conftest import Directory, gateway, key, mixnode, skimmed


def named(host: str) -> dict[str, object]:
    return {"entry": EntryInterface(hostname=host, ws_port=9000)}


@pytest.mark.parametrize(
    ("one", "other", "close"),
    [
        ({}, {}, False),
        ({"ip_addresses": ["10.9.9.1"]}, {"ip_addresses": ["10.9.9.200"]}, True),
        ({"ip_addresses": ["10.9.9.1"]}, {"ip_addresses": ["10.9.8.1"]}, False),
        ({"ip_addresses": ["10.1.1.1", "10.9.9.1"]}, {"ip_addresses": ["10.2.2.2", "::ffff:10.9.9.7"]}, True),
        ({"ip_addresses": ["2001:db8:5:1::1"]}, {"ip_addresses": ["2001:db8:5:2::1"]}, True),
        ({"ip_addresses": ["2001:db8:5::1"]}, {"ip_addresses": ["2001:db8:6::1"]}, False),
        ({"ip_addresses": ["no address"]}, {"ip_addresses": ["no address"]}, False),
        ({"x25519_sphinx_pubkey": "same"}, {"x25519_sphinx_pubkey": "same"}, True),
        ({"ed25519_identity_pubkey": "same"}, {"ed25519_identity_pubkey": "same"}, True),
        (named("gw1.operator.example"), named("GW2.operator.example."), True),
        (named("gw1.operator.example"), named("gw1.other.example"), False),
        (named("operator.example"), named("other.example"), False),
        (named("operator.example"), named("gw.operator.example"), True),
        (named("192.0.2.1"), named("198.0.2.1"), False),
    ],
)
def test_what_makes_nodes_close(one: dict[str, object], other: dict[str, object], close: bool) -> None:
    first, second = (kinship_of(mixnode(id, 1, **changes)) for id, changes in ((11, one), (12, other)))
    assert are_close((first, second)) == close
    assert are_close((second, first)) == close


def network_of(nodes: list[tuple[int, int, str]], gateways: dict[int, str]) -> Directory:
    """Mix nodes as id, layer and address."""
    layers = {f"layer{layer}": [id for id, of, _ in nodes if of == layer] for layer in (1, 2, 3)}
    rewarded = RewardedSet(epoch_id=1000, entry_gateways=list(gateways), exit_gateways=[], **layers)
    mixnodes = [mixnode(id, layer, ip_addresses=[ip]) for id, layer, ip in nodes]
    entries = [gateway(id, ip_addresses=[ip]) for id, ip in gateways.items()]
    return Directory(rewarded, mixnodes, entries, None)  # type: ignore[arg-type]


def test_routes_are_diverse_and_each_as_likely() -> None:
    nodes = [(11, 1, "10.0.1.1"), (12, 1, "10.0.2.1"), (13, 1, "10.0.9.1")]
    nodes += [(21, 2, "10.0.1.2"), (22, 2, "10.0.3.1"), (31, 3, "10.0.2.3"), (32, 3, "10.0.4.1"), (33, 3, "10.0.8.9")]
    topology = network_of(nodes, {1: "10.0.8.1", 2: "10.0.9.2"}).topology()
    random = SeededRandom(1)
    drawn = Counter(
        tuple(str(hop.address.ip) for hop in topology.route_to(key(1), random, apart_from=(key(2),)))
        for _ in range(6000)
    )
    # Neither 33, which is close to the gateway, nor 13, which is close to the far end, nor a close pair of others.
    expected = {
        (one, two, three, "10.0.8.1")
        for one in ("10.0.1.1", "10.0.2.1")
        for two in ("10.0.1.2", "10.0.3.1")
        for three in ("10.0.2.3", "10.0.4.1")
        if not ((one == "10.0.1.1" and two == "10.0.1.2") or (one == "10.0.2.1" and three == "10.0.2.3"))
    }
    assert set(drawn) == expected
    assert all(abs(count - 6000 / len(expected)) < 200 for count in drawn.values())


def test_one_node_for_all_layers_is_refused() -> None:
    directory = network_of([(11, 1, "10.0.1.1"), (21, 2, "10.0.2.1"), (31, 3, "10.0.3.1")], {1: "10.0.4.1"})
    for id in (21, 31):
        directory.change_mixnode(id, ed25519_identity_pubkey=base58.encode(key(11)), ip_addresses=["10.0.1.1"])
    topology = directory.topology()
    with pytest.raises(NoDiverseRoute, match="allow_close_nodes"):
        topology.route_to(key(1), SeededRandom(1))
    assert not topology.has_routes_between(key(1), key(1), SeededRandom(1))
    assert len(directory.topology(allow_close_nodes=True).route_to(key(1), SeededRandom(1))) == 4


def test_the_same_id_in_all_layers_is_refused() -> None:
    directory = network_of([(11, 1, "10.0.1.1")], {1: "10.0.4.1"})
    directory.rewarded = replace(directory.rewarded, layer2=[11], layer3=[11])
    with pytest.raises(NoDiverseRoute):
        directory.topology().route_to(key(1), SeededRandom(1))


def test_a_network_on_loopback_is_its_developers_own() -> None:
    nodes = [(11, 1, "127.0.0.1"), (21, 2, "127.0.0.1"), (31, 3, "127.0.0.1")]
    topology = network_of(nodes, {1: "127.0.0.1"}).topology()
    assert topology.has_routes_between(key(1), key(1), SeededRandom(1))
    one_node = network_of(nodes, {1: "127.0.0.1"})
    one_node.change_mixnode(31, x25519_sphinx_pubkey=base58.encode(key(111)))
    assert not one_node.topology().has_routes_between(key(1), key(1), SeededRandom(1))
    mixed = network_of(nodes, {1: "127.0.0.1", 2: "10.0.0.1"}).topology()
    assert not mixed.has_routes_between(key(1), key(2), SeededRandom(1))


def test_that_there_is_no_diverse_route_is_found_out_soon() -> None:
    """Also where the directory is as large as it may be."""
    nodes = [(layer * 2000 + number, layer, "10.0.0.1") for layer in (1, 2, 3) for number in range(1000)]
    documents = [replace(mixnode(11, layer, ip_addresses=[ip]), node_id=id) for id, layer, ip in nodes]
    layers = {f"layer{layer}": [id for id, of, _ in nodes if of == layer] for layer in (1, 2, 3)}
    rewarded = RewardedSet(epoch_id=1000, entry_gateways=[1], exit_gateways=[], **layers)
    topology = Topology.from_documents(rewarded, skimmed(*documents), skimmed(gateway(1)))
    began = time.process_time()  # the thread's own is not to be had inside Pyodide
    with pytest.raises(NoDiverseRoute):
        topology.route_to(key(1), SeededRandom(1))
    assert time.process_time() - began < 0.1
