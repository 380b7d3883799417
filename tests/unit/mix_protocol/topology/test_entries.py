from dataclasses import replace

import pytest

from mix_protocol.topology.documents import EntryInterface, SupportedRoles
from mix_protocol.topology.entries import list_entry_gateways
from mix_protocol.topology.errors import NoEntryGateway, NoTlsGateway

from .conftest import gateway, mixnode, skimmed


def urls(*nodes, force_tls=False):
    return [node.websocket_url for node in list_entry_gateways(skimmed(*nodes), force_tls)]


@pytest.mark.parametrize(
    ("entry", "ip", "url"),
    [
        (EntryInterface(ws_port=9000), "192.0.2.1", "ws://192.0.2.1:9000"),
        (EntryInterface(ws_port=9000), "2001:db8::5", "ws://[2001:db8::5]:9000"),
        (EntryInterface(ws_port=9000, hostname="gw.example"), "192.0.2.1", "ws://gw.example:9000"),
        (EntryInterface(ws_port=9000, hostname="gw.example", wss_port=9001), "192.0.2.1", "wss://gw.example:9001"),
        (EntryInterface(ws_port=9000, wss_port=9001), "192.0.2.1", "ws://192.0.2.1:9000"),
    ],
)
def test_urls(entry, ip, url):
    assert urls(gateway(1, entry=entry, ip_addresses=[ip])) == [url]


TLS = EntryInterface(ws_port=9000, hostname="gw.example", wss_port=9001)


def test_forced_tls_leaves_only_gateways_with_tls():
    assert urls(gateway(1), gateway(2, entry=TLS), force_tls=True) == ["wss://gw.example:9001"]


@pytest.mark.parametrize(
    ("ip", "hostname"),
    [("127.0.0.1", None), ("127.8.8.8", None), ("::1", None), ("192.0.2.1", "localhost"), ("192.0.2.1", "127.0.0.1")],
)
def test_forced_tls_never_leaves_out_loopback(ip, hostname):
    node = gateway(1, ip_addresses=[ip], entry=EntryInterface(ws_port=9000, hostname=hostname))
    assert len(urls(node, force_tls=True)) == 1


def test_a_loopback_address_beside_a_strange_host_name_is_no_excuse():
    node = gateway(1, ip_addresses=["127.0.0.1"], entry=EntryInterface(ws_port=9000, hostname="gw.example"))
    with pytest.raises(NoTlsGateway):
        list_entry_gateways(skimmed(node), force_tls=True)


def test_no_gateway_with_tls_says_what_to_do():
    with pytest.raises(NoTlsGateway, match="force_tls=False") as caught:
        list_entry_gateways(skimmed(gateway(1), gateway(2)))
    assert caught.value.fields == {"without_tls": 2}


@pytest.mark.parametrize(
    "hostname", ["a b", "evil/path", "x@y", "a:1", "", "-a", "a..b", "é.example", "a" * 254, "a#b"]
)
def test_a_host_name_that_could_not_stand_in_a_url_is_ignored(hostname):
    node = gateway(1, entry=replace(TLS, hostname=hostname))
    assert urls(node) == ["ws://10.1.1.1:9000"]


def test_any_epoch_role_is_accepted():
    roles = ["EntryGateway", "ExitGateway", "Standby", "Inactive"]
    assert len(urls(*(gateway(number, role=role) for number, role in enumerate(roles, 1)))) == 4


def test_mixnodes_and_nodes_without_a_websocket_are_left_out():
    declared = gateway(2, supported_roles=SupportedRoles(mixnode=True, entry=True))
    assert urls(mixnode(11, 1), gateway(1, entry=None), declared, gateway(3)) == ["ws://10.1.3.1:9000"]


def test_slow_gateways_are_counted():
    with pytest.raises(NoEntryGateway) as caught:
        list_entry_gateways(skimmed(gateway(1, performance="0.49"), mixnode(11, 1)))
    assert caught.value.fields == {"listed": 2, "below_minimum_performance": 1}
    assert urls(gateway(1, performance="0.5")) == ["ws://10.1.1.1:9000"]


def test_an_empty_list():
    with pytest.raises(NoEntryGateway):
        list_entry_gateways(skimmed())
