"""The directory answers that the published client accepted decode, come back unchanged, and make a network."""

import json
import sys
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from mix_protocol.addressing import KeyRotation, NodeAddress, Recipient
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.topology.described import decode_described, encode_described
from mix_protocol.topology.documents import (
    assigned_layer,
    decode_key_rotation_info,
    decode_rewarded_set,
    decode_skimmed,
    encode_key_rotation_info,
    encode_rewarded_set,
    encode_skimmed,
)
from mix_protocol.topology.entries import list_entry_gateways
from mix_protocol.topology.exits import list_exits
from mix_protocol.topology.skimmed_bincode import decode_skimmed_bincode, encode_skimmed_bincode
from mix_protocol.topology.topology import Topology

CAPTURE = Path(__file__).parent / "reference-client"
SKIMMED = "api_api_v2_unstable_nym-nodes_skimmed"
KEYS = json.loads((CAPTURE / "node-keys.json").read_text())

JSON_DOCUMENTS = [
    (f"{SKIMMED}.json", decode_skimmed, encode_skimmed),
    (f"{SKIMMED}_entry-gateways.json", decode_skimmed, encode_skimmed),
    (f"{SKIMMED}_mixnodes_active.json", decode_skimmed, encode_skimmed),
    ("api_api_v1_nym-nodes_rewarded-set.json", decode_rewarded_set, encode_rewarded_set),
    ("api_api_v1_epoch_key-rotation-info.json", decode_key_rotation_info, encode_key_rotation_info),
    ("api_api_v2_nym-nodes_described.json", decode_described, encode_described),
]


@pytest.fixture(scope="module")
def crypto() -> CryptoProvider:
    if sys.platform == "emscripten":
        from mix_protocol.crypto.worker import WorkerCrypto

        return WorkerCrypto()
    from mix_protocol.crypto.native import NativeCrypto

    return NativeCrypto()


def read(name: str) -> bytes:
    return (CAPTURE / name).read_bytes()


def topology() -> Topology:
    return Topology.from_documents(
        decode_rewarded_set(read("api_api_v1_nym-nodes_rewarded-set.json")),
        decode_skimmed(read(f"{SKIMMED}_mixnodes_active.json")),
        decode_skimmed(read(f"{SKIMMED}_entry-gateways.json")),
    )


@pytest.mark.parametrize(("name", "decode", "encode"), JSON_DOCUMENTS, ids=[row[0] for row in JSON_DOCUMENTS])
def test_json_comes_back_byte_for_byte(name, decode, encode):
    captured = json.loads(read(name))
    encoded = encode(decode(read(name)))
    assert json.loads(encoded) == captured
    assert encoded == json.dumps(captured, separators=(",", ":")).encode()


@pytest.mark.parametrize("name", [f"{SKIMMED}.bincode", f"{SKIMMED}_entry-gateways.bincode"])
def test_bincode_comes_back_byte_for_byte_and_says_what_json_says(name):
    document = decode_skimmed_bincode(read(name))
    assert encode_skimmed_bincode(document) == read(name)
    assert document.nodes == decode_skimmed(read(name.replace("bincode", "json"))).nodes


def test_every_prefix_of_bincode_is_refused():
    from mix_protocol.topology.errors import MalformedDocument

    data = read(f"{SKIMMED}.bincode")
    for length in range(len(data)):
        with pytest.raises(MalformedDocument):
            decode_skimmed_bincode(data[:length])


def test_the_topology_has_the_keys_that_the_nodes_hold(crypto):
    network = topology()
    assert network.rotation_id == 41
    assert network.key_rotation is KeyRotation.ODD
    assert network.epoch_id == 1000
    nodes = [*(layer[0] for layer in network.layers), *network.gateways.values()]
    for node, name in zip(nodes, ("mix1", "mix2", "mix3", "entry", "exit"), strict=True):
        assert node.identity == crypto.ed25519_public(bytes.fromhex(KEYS[name]["ed"]))
        assert node.sphinx_key == crypto.x25519_public(bytes.fromhex(KEYS[name]["x"]))


def test_a_route_goes_through_the_layers_to_the_gateway():
    network = topology()
    exit_node = next(node for node in network.gateways.values() if node.node_id == 2)
    route = network.route_to(exit_node.identity, SeededRandom(1))
    assert [hop.address.port for hop in route] == [17801, 17802, 17803, 17892]
    assert {hop.address.ip for hop in route} == {IPv4Address("127.0.0.1")}


def test_the_layers_of_the_rewarded_set_are_the_roles_of_the_nodes():
    nodes = decode_skimmed(read(f"{SKIMMED}_mixnodes_active.json")).nodes.data
    rewarded = decode_rewarded_set(read("api_api_v1_nym-nodes_rewarded-set.json"))
    for node in nodes:
        layer = assigned_layer(node.role)
        assert layer is not None
        assert node.node_id in rewarded.layers[layer - 1]


def test_both_gateways_take_clients():
    gateways = list_entry_gateways(decode_skimmed(read(f"{SKIMMED}_entry-gateways.json")))
    assert [gateway.websocket_url for gateway in gateways] == ["ws://127.0.0.1:9000", "ws://127.0.0.1:9001"]
    assert gateways[0].address == NodeAddress(IPv4Address("127.0.0.1"), 17891)


def test_the_exit_is_found_with_its_router(crypto):
    (exit_node,) = list_exits(
        decode_described(read("api_api_v2_nym-nodes_described.json")), decode_skimmed(read(f"{SKIMMED}.json"))
    )
    assert exit_node.recipient == Recipient(
        crypto.ed25519_public(bytes.fromhex(KEYS["ipr"]["ed"])),
        crypto.x25519_public(bytes.fromhex(KEYS["ipr"]["x"])),
        crypto.ed25519_public(bytes.fromhex(KEYS["exit"]["ed"])),
    )
    assert exit_node.gateway == crypto.ed25519_public(bytes.fromhex(KEYS["exit"]["ed"]))
    assert (exit_node.version, exit_node.ipr_version) == ("1.40.0", 10)


def test_the_rotation_covers_the_current_epoch():
    info = decode_key_rotation_info(read("api_api_v1_epoch_key-rotation-info.json"))
    progress = info.progress
    epochs = range(progress.current_rotation_starting_epoch, progress.current_rotation_ending_epoch + 1)
    assert info.current_absolute_epoch_id in epochs
    assert len(epochs) == info.key_rotation_state.validity_epochs
    assert info.key_lifetime_s == 25 * 3600
