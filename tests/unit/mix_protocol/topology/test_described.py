import json

import pytest

from mix_protocol.topology.described import DescribedNodes, decode_described, encode_described
from mix_protocol.topology.errors import MalformedDocument

from .conftest import described


def text(*nodes) -> bytes:
    pagination = {"total": len(nodes), "page": 0, "size": len(nodes)}
    return json.dumps({"pagination": pagination, "data": nodes}).encode()


def test_descriptions_come_back():
    document = DescribedNodes.of([described(1), described(2, address=None)])
    assert decode_described(encode_described(document)) == document


def test_the_smallest_description():
    node = {
        "node_id": 2,
        "contract_node_type": "nym_node",
        "description": {
            "host_information": {"ip_address": ["127.0.0.1"], "keys": {"ed25519": "a", "x25519": "b"}},
            "build_information": {"build_version": "1.40.0"},
        },
    }
    document = decode_described(text(node))
    description = document.data[0].description
    assert description.ip_packet_router is None
    assert description.build_information.build_version == "1.40.0"
    assert decode_described(encode_described(document)) == document


def test_a_node_that_describes_odd_things_is_still_an_exit():
    """Members that no client needs may change their form in every release."""
    node = {
        "node_id": 2,
        "contract_node_type": None,
        "description": {
            "last_polled": [2026, 325],
            "host_information": {
                "ip_address": ["127.0.0.1"],
                "hostname": None,
                "keys": {"ed25519": "a", "current_x25519_sphinx_key": {"rotation_id": -1}, "x25519_versioned_noise": 3},
            },
            "declared_role": None,
            "auxiliary_details": {"location": 7, "announce_ports": {"mix_port": "1789", "verloc_port": 1790}},
            "build_information": {"build_version": "1.40.0", "commit_sha": None},
            "network_requester": {"uses_exit_policy": True},
            "ip_packet_router": {"address": "x"},
            "wireguard": {"port": None},
            "mixnet_websockets": [],
            "lewes_protocol": "soon",
        },
    }
    broken = {**node, "description": {**node["description"], "build_information": None}}
    rows = [broken, node, {"node_id": 3}]
    document = decode_described(text(*rows))
    (description,) = (row.description for row in document.data)
    assert description.ip_packet_router.address == "x"
    assert description.auxiliary_details.announce_ports.verloc_port == 1790
    assert description.build_information.build_version == "1.40.0"
    assert description.wireguard is description.mixnet_websockets is description.lewes_protocol is None


def test_a_list_of_which_nothing_can_be_read_is_no_list():
    with pytest.raises(MalformedDocument):
        decode_described(text({"node_id": 1}, {}))
    assert decode_described(text()).data == []
