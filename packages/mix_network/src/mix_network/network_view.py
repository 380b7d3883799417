"""Which nodes belong to the network: the answers to "may a packet go there?" and "is that link encrypted?"."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address

from mix_protocol.addressing import NodeAddress

_IpAddress = IPv4Address | IPv6Address


class NetworkView:
    """The addresses of the network's nodes, shared by the nodes that run together.

    A node forwards only to nodes of the network, so that nobody can use it to send bytes to a stranger
    (Nym spec: "next hop must belong to a known node"). Whole socket addresses are compared, not IP addresses alone,
    because the nodes of a local network share one IP address with everything else on the machine.
    """

    def __init__(
        self, addresses: Iterable[NodeAddress] = (), noise_keys: Mapping[NodeAddress, bytes] | None = None
    ) -> None:
        self._addresses: frozenset[NodeAddress] = frozenset()
        self._noise_keys: Mapping[NodeAddress, bytes] = {}
        self._noise_by_ip: dict[_IpAddress, bytes] = {}
        self._ips: frozenset[_IpAddress] = frozenset()
        self.version = 0
        """Another one after each update."""
        self.on_unknown: Callable[[], None] = lambda: None
        """Called when a packet is for nobody here, or somebody connects who is nobody here: there may be news that this
        picture lacks."""
        self.update(addresses, noise_keys)

    def update(self, addresses: Iterable[NodeAddress], noise_keys: Mapping[NodeAddress, bytes] | None = None) -> None:
        """Replace the known nodes.

        noise_keys -- the X25519 keys that nodes announce for encrypted links (Noise), 32 bytes each
        """
        self._addresses = frozenset(addresses)
        self._ips = frozenset(canonical_ip(address.ip) for address in self._addresses)
        self._noise_keys = dict(noise_keys or {})
        self._noise_by_ip = {canonical_ip(address.ip): key for address, key in self._noise_keys.items()}
        self.version += 1

    def knows(self, address: NodeAddress) -> bool:
        """Whether a node of the network listens at this address."""
        is_known = address in self._addresses
        if not is_known:
            self.on_unknown()
        return is_known

    def noise_key(self, address: NodeAddress) -> bytes | None:
        """The key of whoever listens there; None where links are plain.

        Where nodes share an IP address the port decides. A node that announces none is spoken to like the others at
        its address, for that is what it sees of them as well (Nym spec: nodes behind one address must agree).
        """
        return self._noise_keys.get(address) or self._noise_by_ip.get(canonical_ip(address.ip))

    def announces_noise(self, ip: _IpAddress) -> bool:
        """Whether a node at this IP address announces encrypted links: then all that come from there are."""
        ip = canonical_ip(ip)
        if ip not in self._ips:
            self.on_unknown()
        return ip in self._noise_by_ip

    def __len__(self) -> int:
        return len(self._addresses)


def canonical_ip(ip: _IpAddress) -> _IpAddress:
    """An IPv4 address also where it is written as an IPv6 one, as sockets for both do."""
    return (ip.ipv4_mapped or ip) if isinstance(ip, IPv6Address) else ip
