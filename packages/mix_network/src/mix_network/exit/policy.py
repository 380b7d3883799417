"""Exit policy: which destinations the exit connects to.

Nym spec: exit policy. A policy is a list of rules, one a line, the first match decides and no match refuses. Before it
comes a fixed table of what is not globally routable.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from mix_network.exit.special_addresses import IpAddress, IpNetwork, is_globally_routable, is_loopback
from mix_protocol.errors import UsageError

DEFAULT_PORTS = (
    "20-23 43 53 79-81 88 110 143 194 220 389 443 464 531 543-544 554 563 636 706 749 853 873 902-904 981 989-995 1194 "
    "1220 1293 1500 1533 1677 1723 1755 1863 2082-2083 2086-2087 2095-2096 2102-2104 3128 3389 3690 4321 4643 5050 "
    "5190 5222-5223 5228 5900 6660-6669 6679 6697 8000 8008 8074 8080 8082 8087-8088 8232-8233 8332-8333 8443 8888 "
    "9418 9999 10000 11371 18080-18081 19294 19638 50002 64738"
)
"""What exits let through by default: the web, fetching mail, chat, remote log-in, code, wallets; nothing by which mail
is sent or files are shared. Those of Tor's reduced exit policy, from which Nym's comes, and DNS over TLS."""
_PORTS_WITHOUT_25 = "1-24 26-65535"


class MalformedExitPolicy(UsageError):
    """An exit policy that can't be read."""

    code = "exit.malformed_policy"
    message = "the exit policy has a line that is not 'ExitPolicy accept|reject ADDRESS:PORTS'"


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
    allow_loopback -- for development: whether loopback destinations are accepted before anything else is asked; or only
        these ports of them
    """

    rules: tuple[ExitRule, ...]
    allow_loopback: bool | frozenset[int] = False

    @classmethod
    def parse(cls, text: str, *, allow_loopback: bool | frozenset[int] = False) -> ExitPolicy:
        """Read a policy: one rule a line, `#` starts a comment."""
        lines = (line.partition("#")[0].strip() for line in text.splitlines())
        return cls(tuple(ExitRule.parse(line) for line in lines if line), allow_loopback)

    @classmethod
    def default(cls, *, allow_loopback: bool | frozenset[int] = False) -> ExitPolicy:
        """The policy of exits whose operators choose none: the ports of `DEFAULT_PORTS`."""
        return cls._accepting(DEFAULT_PORTS, allow_loopback)

    @classmethod
    def open(cls, *, allow_loopback: bool | frozenset[int] = False) -> ExitPolicy:
        """Every globally routable destination, but for the port by which spam is sent."""
        return cls._accepting(_PORTS_WITHOUT_25, allow_loopback)

    @classmethod
    def _accepting(cls, ports: str, allow_loopback: bool | frozenset[int]) -> ExitPolicy:
        return cls.parse(
            "\n".join(f"ExitPolicy accept *:{ports}" for ports in ports.split()), allow_loopback=allow_loopback
        )

    def allows(self, address: IpAddress, port: int) -> bool:
        """Whether the exit may connect there. Port 0 stands for protocols without ports."""
        if is_loopback(address):
            allowed = self.allow_loopback
            return allowed if isinstance(allowed, bool) else port in allowed or (port == 0 and bool(allowed))
        if not is_globally_routable(address):
            return False
        return next((rule.accept for rule in self.rules if rule.matches(address, port)), False)
