from dataclasses import replace

import pytest

from mix_protocol.topology.documents import EntryInterface
from mix_protocol.topology.nodes import gateway_from, mix_node_from

from .conftest import gateway, key, mixnode


def test_keys_become_bytes_and_the_first_address_counts():
    node = mix_node_from(mixnode(11, 1, ip_addresses=["10.1.0.11", "2001:db8::1"]))
    assert (node.node_id, node.identity, node.sphinx_key) == (11, key(11), key(111))
    assert str(node.address) == "10.1.0.11:1789"
    assert (node.hop.address, node.hop.sphinx_key) == (node.address, node.sphinx_key)


@pytest.mark.parametrize(
    "changes",
    [
        {"ip_addresses": []},
        {"ip_addresses": ["example.org"]},
        {"ip_addresses": ["10.0.0.1.2", "10.0.0.1"]},
        {"ed25519_identity_pubkey": "0OIl"},
        {"ed25519_identity_pubkey": ""},
        {"x25519_sphinx_pubkey": "1" * 33},
        {"x25519_sphinx_pubkey": "z" * 10_000},
    ],
)
def test_nodes_that_cannot_be_used(changes):
    assert mix_node_from(mixnode(11, 1, **changes)) is None
    assert gateway_from(gateway(1, **changes)) is None


def test_a_gateway_without_a_websocket_still_ends_routes():
    node = gateway_from(gateway(1, entry=None))
    assert not node.takes_clients
    assert node.hop.sphinx_key == key(101)


@pytest.mark.parametrize("ip", ["2001:db8::7", "fe80::1"])
def test_ipv6_stands_in_brackets(ip):
    node = gateway_from(gateway(1, ip_addresses=[ip]))
    assert node.websocket_url == f"ws://[{ip}]:9000"
    assert len(node.address.encode()) == 19


def test_tls_takes_a_host_name_and_a_port():
    document = gateway(1, entry=EntryInterface(hostname="a.example", ws_port=9000, wss_port=9001))
    assert gateway_from(document).websocket_url == "wss://a.example:9001"
    for entry in (replace(document.entry, wss_port=None), replace(document.entry, hostname=None)):
        assert not gateway_from(replace(document, entry=entry)).uses_tls
