"""Exit policy: which destinations the exit connects to.

Nym spec: exit policy. A policy is a list of rules, one a line, the first match decides and no match refuses. Before it
comes a fixed table of what is not globally routable (IANA special-purpose address registries), written down here
because `ipaddress.is_global` changes between Python versions.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from mix_protocol.errors import UsageError

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network


class MalformedExitPolicy(UsageError):
    """An exit policy that can't be read."""

    code = "exit.malformed_policy"
    message = "the exit policy has a line that is not 'ExitPolicy accept|reject ADDRESS:PORTS'"


def _networks(*texts: str) -> tuple[IpNetwork, ...]:
    return tuple(ip_network(text) for text in texts)


_LOCAL_NETWORKS = _networks(
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    # A flow to a group of hosts has no single peer for a socket to connect to.
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/128",
    "::1/128",
    "::ffff:0:0/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
)
_GLOBAL_EXCEPTIONS = _networks(
    "192.0.0.9/32",
    "192.0.0.10/32",
    "2001:1::1/128",
    "2001:1::2/128",
    "2001:3::/32",
    "2001:4:112::/48",
    "2001:20::/27",
)
# Not `is_loopback`, which newer Python versions also say of ::ffff:127.0.0.1.
_LOOPBACK = _networks("127.0.0.0/8", "::1/128")
# Its last 32 bits are an IPv4 address, and a host with NAT64 would connect there.
_NAT64 = IPv6Network("64:ff9b::/96")


def is_globally_routable(address: IpAddress) -> bool:
    """Whether an address can belong to a host of the public Internet."""
    if any(address in network for network in _GLOBAL_EXCEPTIONS):
        return True
    if any(address in network for network in _LOCAL_NETWORKS):
        return False
    if address in _NAT64:
        return is_globally_routable(IPv4Address(address.packed[-4:]))
    return True


@dataclass(frozen=True)
class ExitRule:
    """One line of a policy. `network` None means every address of the families in `versions`."""

    accept: bool
    network: IpNetwork | None
    versions: tuple[int, ...]
    first_port: int
    last_port: int

    @classmethod
    def parse(cls, line: str) -> ExitRule:
        """Read `ExitPolicy accept|reject|accept6|reject6 ADDRESS:PORTS`."""
        words = line.split()
        if len(words) != 3 or words[0] != "ExitPolicy" or words[1] not in _ACTIONS:
            raise MalformedExitPolicy
        address, colon, ports = words[2].rpartition(":")
        if not colon:
            raise MalformedExitPolicy
        network, versions = _parse_address(address)
        first_port, last_port = _parse_ports(ports)
        return cls(_ACTIONS[words[1]], network, versions, first_port, last_port)

    def matches(self, address: IpAddress, port: int) -> bool:
        """Whether the rule speaks about this destination. Port 0 stands for protocols without ports."""
        if address.version not in self.versions:
            return False
        if self.network is not None and address not in self.network:
            return False
        return port == 0 or self.first_port <= port <= self.last_port


_ACTIONS = {"accept": True, "accept6": True, "reject": False, "reject6": False}
_STARS = {"*": (4, 6), "*4": (4,), "*6": (6,)}


def _parse_address(text: str) -> tuple[IpNetwork | None, tuple[int, ...]]:
    if text in _STARS:
        return None, _STARS[text]
    base, slash, mask = text.partition("/")
    if base.startswith("[") and base.endswith("]"):
        base = base[1:-1]
    try:
        network = ip_network(f"{base}{slash}{mask}", strict=False) if slash else ip_network(ip_address(base))
    except ValueError:
        raise MalformedExitPolicy from None
    return network, (network.version,)


def _parse_ports(text: str) -> tuple[int, int]:
    if text == "*":
        return 1, 0xFFFF
    first, dash, last = text.partition("-")
    if not (first.isascii() and first.isdigit() and (not dash or (last.isascii() and last.isdigit()))):
        raise MalformedExitPolicy
    low, high = int(first), int(last) if dash else int(first)
    if not 1 <= low <= high <= 0xFFFF:
        raise MalformedExitPolicy
    return low, high


@dataclass(frozen=True)
class ExitPolicy:
    """Decides about destinations.

    rules -- the first match wins; a destination that no rule matches is refused
    allow_loopback -- for development: loopback destinations are accepted before anything else is asked
    """

    rules: tuple[ExitRule, ...]
    allow_loopback: bool = False

    @classmethod
    def parse(cls, text: str, *, allow_loopback: bool = False) -> ExitPolicy:
        """Read a policy: one rule a line, `#` starts a comment."""
        lines = (line.partition("#")[0].strip() for line in text.splitlines())
        return cls(tuple(ExitRule.parse(line) for line in lines if line), allow_loopback)

    @classmethod
    def open(cls, *, allow_loopback: bool = False) -> ExitPolicy:
        """Every globally routable destination."""
        return cls.parse("ExitPolicy accept *:*", allow_loopback=allow_loopback)

    def allows(self, address: IpAddress, port: int) -> bool:
        """Whether the exit may connect there. Port 0 stands for protocols without ports."""
        if any(address in network for network in _LOOPBACK):
            return self.allow_loopback
        if not is_globally_routable(address):
            return False
        return next((rule.accept for rule in self.rules if rule.matches(address, port)), False)
