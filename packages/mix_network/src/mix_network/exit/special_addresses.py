"""Which addresses can belong to a host of the public Internet, by IANA's special-purpose address registries (RFC 6890).

Written down here because `ipaddress.is_global` changes between Python versions.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network


def _networks(*texts: str) -> tuple[IpNetwork, ...]:
    return tuple(ip_network(text) for text in texts)


_SPECIAL = _networks(
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    # Relays of 6to4, which is over (RFC 7526): where packets to them get to, nobody knows.
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    # A flow to a group of hosts has no single peer for a socket to connect to.
    "224.0.0.0/4",
    "240.0.0.0/4",
    # Teredo, benchmarking and the former ORCHID among them.
    "2001::/23",
    "2001:db8::/32",
    # 6to4: an IPv4 address is inside, and a host that has such an interface would send there.
    "2002::/16",
    "3fff::/20",
)
_EXCEPTIONS = _networks(
    "192.0.0.9/32",
    "192.0.0.10/32",
    "2001:1::1/128",
    "2001:1::2/128",
    "2001:3::/32",
    "2001:4:112::/48",
    "2001:20::/27",
)
# Nothing else of IPv6 is given to anybody as global unicast (RFC 4291 section 2.4 and IANA's registry of the space);
# outside are loopback, mapped and translated IPv4 (NAT64 too), site-local, unique-local, link-local, segments, groups.
GLOBAL_UNICAST = IPv6Network("2000::/3")
# Not `is_loopback`, which newer Python versions also say of ::ffff:127.0.0.1.
_LOOPBACK = _networks("127.0.0.0/8", "::1/128")


def special_networks(version: int) -> tuple[IpNetwork, ...]:
    """The networks of one IP version that are none of the public Internet's, but for what is in `routable_exceptions`;
    of IPv6 all outside `GLOBAL_UNICAST` is not either."""
    return tuple(network for network in _SPECIAL if network.version == version)


def routable_exceptions(version: int) -> tuple[IpNetwork, ...]:
    """What is inside a special network and yet of the public Internet."""
    return tuple(network for network in _EXCEPTIONS if network.version == version)


def is_loopback(address: IpAddress) -> bool:
    """Whether an address is this machine."""
    return any(address in network for network in _LOOPBACK)


def is_globally_routable(address: IpAddress) -> bool:
    """Whether an address can belong to a host of the public Internet."""
    if any(address in network for network in _EXCEPTIONS):
        return True
    if any(address in network for network in _SPECIAL):
        return False
    return address.version == 4 or address in GLOBAL_UNICAST
