"""The exit policy: what is not globally routable, and rules."""

from ipaddress import ip_address

import pytest

from mix_network.exit.policy import ExitPolicy, MalformedExitPolicy
from mix_network.exit.special_addresses import is_globally_routable

LOCAL = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.255 169.254.1.1
172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.8 192.0.0.11 192.0.2.1 192.168.1.1 198.18.0.1 198.19.255.255
198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
:: ::1 ::ffff:8.8.8.8 ::ffff:127.0.0.1 64:ff9b::7f00:1 64:ff9b::10.0.0.1 64:ff9b:1::1 100::1 2001::1 2001:2::1
2001:10::1 2001:db8::1 2002::1 fc00::1 fdff::1 fe80::1 febf::1 ff02::1
192.88.99.0 192.88.99.255 64:ff9b::8.8.8.8 ::8.8.8.8 ::ffff:0:8.8.8.8 1fff::1 4000::1 5f00::1 fec0::1 3fff:fff::1
2002:808:808::1 2001:0:808:808::1
"""
GLOBAL = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255
172.15.255.255 172.32.0.0 192.0.0.9 192.0.0.10 192.0.1.0 192.167.255.255 198.17.255.255 198.20.0.0
223.255.255.255
192.88.98.255 192.88.100.0 2000::1 3ffe::1 3fff:1000::1
2001:1::1 2001:1::2 2001:3::1 2001:4:112::1 2001:20::1 2001:3f::1 2001:200::1 2606:4700::1111
"""


@pytest.mark.parametrize("address", LOCAL.split())
def test_local_addresses_are_refused_even_by_an_open_policy(address):
    assert not is_globally_routable(ip_address(address))
    assert not ExitPolicy.open().allows(ip_address(address), 443)


@pytest.mark.parametrize("address", GLOBAL.split())
def test_global_addresses_are_allowed_by_an_open_policy(address):
    assert is_globally_routable(ip_address(address))
    assert ExitPolicy.open().allows(ip_address(address), 443)


def test_allow_loopback_opens_loopback_and_nothing_else():
    policy = ExitPolicy.open(allow_loopback=True)
    assert policy.allows(ip_address("127.0.0.1"), 8080)
    assert policy.allows(ip_address("::1"), 8080)
    for other in ("10.0.0.1", "192.168.1.1", "169.254.169.254", "::ffff:127.0.0.1", "fe80::1"):
        assert not policy.allows(ip_address(other), 80)


def test_loopback_may_be_open_at_some_ports_alone():
    policy = ExitPolicy.default(allow_loopback=frozenset((3000, 8080)))
    for address in ("127.0.0.1", "127.9.9.9", "::1"):
        assert [port for port in (1, 22, 443, 3000, 8080) if policy.allows(ip_address(address), port)] == [3000, 8080]
        assert policy.allows(ip_address(address), 0)
    assert not ExitPolicy.default(allow_loopback=frozenset()).allows(ip_address("127.0.0.1"), 0)


def test_the_default_policy_lets_the_web_through_and_no_mail():
    policy = ExitPolicy.default()
    for port in (53, 80, 443, 853, 993, 5222, 8080, 8333, 0):
        assert policy.allows(ip_address("9.9.9.9"), port)
        assert policy.allows(ip_address("2620:fe::9"), port)
    for port in (25, 465, 587, 445, 1337, 6881, 65535):
        assert not policy.allows(ip_address("9.9.9.9"), port)
    assert not policy.allows(ip_address("127.0.0.1"), 443)


def test_an_open_policy_refuses_the_port_of_mail_alone():
    refused = [port for port in range(65536) if not ExitPolicy.open().allows(ip_address("9.9.9.9"), port)]
    assert refused == [25]


RULES = """
# comment
ExitPolicy reject 1.2.3.0/24:*      # a network
ExitPolicy accept 1.2.0.0/16:80-90
ExitPolicy reject6 [2606:4700::]/32:443
ExitPolicy accept6 *6:443
ExitPolicy accept *4:53
ExitPolicy reject *:22
"""


@pytest.mark.parametrize(
    ("address", "port", "allowed"),
    [
        ("1.2.3.4", 80, False),
        ("1.2.4.4", 80, True),
        ("1.2.4.4", 90, True),
        ("1.2.4.4", 91, False),
        ("1.2.4.4", 53, True),
        ("9.9.9.9", 53, True),
        ("9.9.9.9", 22, False),
        ("9.9.9.9", 443, False),
        ("2606:4700::1111", 443, False),
        ("2a00::1", 443, True),
        ("2a00::1", 53, False),
        # Port 0: protocols without ports; the rules' ports don't count.
        ("1.2.3.4", 0, False),
        ("1.2.4.4", 0, True),
        ("9.9.9.9", 0, True),
        ("2606:4700::1111", 0, False),
    ],
)
def test_the_first_matching_rule_decides_and_none_refuses(address, port, allowed):
    assert ExitPolicy.parse(RULES).allows(ip_address(address), port) is allowed


def test_an_empty_policy_refuses_everything():
    assert not ExitPolicy.parse("# nothing\n").allows(ip_address("9.9.9.9"), 443)


@pytest.mark.parametrize(
    "line",
    [
        "accept *:*",
        "ExitPolicy allow *:*",
        "ExitPolicy accept *",
        "ExitPolicy accept 1.2.3:80",
        "ExitPolicy accept *4/8:80",
        "ExitPolicy accept 1.2.3.4/33:80",
        "ExitPolicy accept *:0",
        "ExitPolicy accept *:90-80",
        "ExitPolicy accept *:70000",
        "ExitPolicy accept *:-80",
        "ExitPolicy accept *:80-",
        "ExitPolicy accept *:٣",
        "ExitPolicy accept *:80 more",
    ],
)
def test_malformed_lines_are_told(line):
    with pytest.raises(MalformedExitPolicy):
        ExitPolicy.parse(line)
