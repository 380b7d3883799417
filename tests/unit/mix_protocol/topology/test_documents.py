import json
from dataclasses import replace

import pytest

from mix_protocol.topology.described import decode_described
from mix_protocol.topology.documents import (
    INACTIVE,
    MAX_NODES,
    EntryInterface,
    SupportedRoles,
    assigned_layer,
    decode_key_rotation_info,
    decode_rewarded_set,
    decode_skimmed,
    encode_skimmed,
    mixnode_role,
)
from mix_protocol.topology.errors import DocumentTooLarge, MalformedDocument

NODE = {
    "node_id": 1,
    "ed25519_identity_pubkey": "a",
    "ip_addresses": ["127.0.0.1"],
    "mix_port": 1789,
    "x25519_sphinx_pubkey": "b",
    "role": "Standby",
    "performance": "0.75",
}


def text(*nodes, **metadata):
    return json.dumps(
        {
            "metadata": {"absolute_epoch_id": 1, "rotation_id": 2, "refreshed_at": "x", **metadata},
            "nodes": {"pagination": {"total": len(nodes), "page": 0, "size": len(nodes)}, "data": list(nodes)},
        }
    ).encode()


def test_what_is_optional_has_the_value_of_its_absence():
    (node,) = decode_skimmed(text(NODE)).nodes.data
    assert node.entry is None
    assert not any((node.supported_roles.mixnode, node.supported_roles.entry, node.supported_roles.exit_ipr))
    assert assigned_layer(node.role) is None
    assert node.performance_percent == 75


def test_unknown_members_are_ignored_everywhere():
    node = {**NODE, "colour": "red", "entry": {"ws_port": 1, "speed": 5}}
    document = decode_skimmed(text(node, moon={"phase": [1, {}]}))
    assert document.nodes.data[0].entry.ws_port == 1


@pytest.mark.parametrize("status", [None, "no-updates", {"fresh": {"id": 5, "epoch_length": {"secs": 1, "nanos": 0}}}])
def test_every_status_comes_back(status):
    document = decode_skimmed(text(NODE, status=status))
    assert document.metadata.status == status
    assert json.loads(encode_skimmed(document))["metadata"]["status"] == status


def test_roles():
    document = decode_skimmed(text({**NODE, "role": {"Mixnode": {"layer": 3}}}))
    assert assigned_layer(document.nodes.data[0].role) == 3
    assert document.nodes.data[0].role == mixnode_role(3)


@pytest.mark.parametrize(
    "changes",
    [
        {"node_id": -1},
        {"node_id": 1 << 32},
        {"node_id": "1"},
        {"node_id": 1.5},
        {"mix_port": 65536},
        {"mix_port": None},
        {"ip_addresses": "127.0.0.1"},
        {"ip_addresses": [1]},
        {"x25519_sphinx_pubkey": None},
        {"ed25519_identity_pubkey": {}},
    ],
)
def test_nodes_of_wrong_types_and_ranges_are_left_out(changes):
    odd = {**NODE, **changes}
    with pytest.raises(MalformedDocument, match="Nym API"):
        decode_skimmed(text(odd))
    document = decode_skimmed(text(odd, {**NODE, "node_id": 7}, 5, None, odd))
    assert [node.node_id for node in document.nodes.data] == [7]
    assert (document.nodes.pagination.total, document.nodes.pagination.size) == (5, 5)


@pytest.mark.parametrize(
    "changes",
    [
        {"role": 7},
        {"role": {"Mixnode": 1}},
        {"role": {"Mixnode": {"layer": 256}}},
        {"entry": {"ws_port": 70000}},
        {"entry": {"hostname": "a.example", "ws_port": None}},
        {"entry": []},
        {"performance": 1},
        {"supported_roles": ["mixnode"]},
    ],
)
def test_optional_members_that_cannot_be_read_count_as_absent(changes):
    (node,) = decode_skimmed(text({**NODE, "role": INACTIVE, **changes})).nodes.data
    expected = decode_skimmed(text({**NODE, "role": INACTIVE})).nodes.data[0]
    assert node == replace(expected, **({"performance": "0"} if "performance" in changes else {}))


def test_what_is_wrong_inside_an_optional_member_spoils_only_itself():
    odd = {"entry": {"hostname": 5, "ws_port": 9000}, "supported_roles": {"mixnode": "yes", "entry": True}}
    (node,) = decode_skimmed(text({**NODE, **odd})).nodes.data
    assert node.entry == EntryInterface(ws_port=9000)
    assert node.supported_roles == SupportedRoles(entry=True)


@pytest.mark.parametrize(
    "data", [b"", b"null", b"[]", b"{}", b"<html>", b"\xff\xfe", b"[" * 100_000, b'{"nodes":' * 50_000, b"9" * 10_000]
)
@pytest.mark.parametrize("decode", [decode_skimmed, decode_rewarded_set, decode_key_rotation_info, decode_described])
def test_what_is_no_document(decode, data):
    with pytest.raises(MalformedDocument):
        decode(data)


def test_too_many_nodes():
    nodes = [{**NODE, "node_id": number} for number in range(MAX_NODES + 1)]
    with pytest.raises(MalformedDocument):
        decode_skimmed(text(*nodes))


def test_too_much_text(monkeypatch):
    monkeypatch.setattr("mix_protocol.topology.documents.MAX_DOCUMENT_LENGTH", 10)
    with pytest.raises(DocumentTooLarge):
        decode_rewarded_set(b" " * 11)


def test_a_rewarded_set_needs_its_epoch():
    document = {"entry_gateways": [], "exit_gateways": [], "layer1": [], "layer2": [], "layer3": []}
    with pytest.raises(MalformedDocument):
        decode_rewarded_set(json.dumps(document).encode())
    assert decode_rewarded_set(json.dumps({**document, "epoch_id": 5}).encode()).standby == []


@pytest.mark.parametrize(("validity", "seconds"), [(0, 3600), (24, 0)])
def test_rotations_without_duration_are_refused(validity, seconds):
    info = {
        "key_rotation_state": {"validity_epochs": validity, "initial_epoch_id": 0},
        "current_absolute_epoch_id": 1,
        "current_epoch_start": "2026-11-21T08:00:00Z",
        "epoch_duration": {"secs": seconds, "nanos": 0},
        "progress": {
            "current_key_rotation_id": 1,
            "current_rotation_starting_epoch": 0,
            "current_rotation_ending_epoch": 1,
        },
    }
    with pytest.raises(MalformedDocument):
        decode_key_rotation_info(json.dumps(info).encode())
