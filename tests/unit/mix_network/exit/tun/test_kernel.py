"""What the kernel is told, as text and bytes; what it makes of it is tried in tests/network/test_tun_exit.py."""

from __future__ import annotations

import struct
from ipaddress import IPv4Network, IPv6Network

import pytest

from mix_network.exit.nat.flow import FlowKey
from mix_network.exit.tun.conntrack import deletion_of
from mix_network.exit.tun.kernel import nft_rules
from mix_protocol.netstack.wire.ip import pack_address

NETWORKS = (IPv4Network("198.18.0.0/16"), IPv6Network("fd00:1:2:3::/112"))


def test_rules_name_their_owner_and_let_only_answers_in():
    rules = nft_rules("0badcafe", "mix3", NETWORKS, [])
    assert "table inet mix_exit_0badcafe {" in rules
    assert 'oifname "mix3" ct state established,related accept' in rules
    assert "192.168.0.0/16" in rules
    assert "ip6 daddr != 2000::/3" in rules


@pytest.mark.parametrize("families", [[], ["ipv4"], ["ipv4", "ipv6"]])
def test_the_machine_becomes_no_router_for_others(families: list[str]):
    rules = nft_rules("0badcafe", "mix3", NETWORKS, families)
    for family in ("ipv4", "ipv6"):
        closed = f'meta nfproto {family} iifname != "mix*" oifname != "mix*" drop'
        assert (closed in rules) == (family in families)


def attributes(data: bytes) -> dict[int, bytes]:
    found = {}
    while data:
        length, kind = struct.unpack_from("=HH", data)
        assert 4 <= length <= len(data)
        found[kind & 0x3FFF] = data[4:length]
        data = data[length + -length % 4 :]
    return found


@pytest.mark.parametrize("protocol", ["tcp", "udp", "icmp"])
@pytest.mark.parametrize(("client", "remote"), [("198.18.3.7", "9.9.9.9"), ("fd00:1:2:3::307", "2620:fe::fe")])
def test_a_deletion_names_one_connection(protocol: str, client: str, remote: str):
    inside = (pack_address("10.0.3.7") if "." in client else pack_address("fc00::307"), 5000)
    key = FlowKey(protocol, inside, (pack_address(remote), 0 if protocol == "icmp" else 443))
    message = deletion_of(key, pack_address(client))
    length, kind, _, _, _ = struct.unpack_from("=IHHII", message)
    assert (length, kind) == (len(message), 0x102)
    # Without the tuple it would mean every connection there is.
    addresses = attributes(attributes(attributes(message[20:])[1])[1])
    ports = attributes(attributes(attributes(message[20:])[1])[2])
    assert list(addresses.values()) == [pack_address(client), pack_address(remote)]
    assert (5000).to_bytes(2, "big") in ports.values()
    if protocol != "icmp":
        assert ports[3] == (443).to_bytes(2, "big")
