"""Clients' addresses in the tunnel, and those that stand for them in the kernel.

Every exit gives its clients 10.0.x.y and fc00::n, so two exits on a machine, or one and a local network, would want the
same routes. So the kernel sees networks that nobody else uses here: an IPv4 /16 instead of 10.0.0.0/16, and an IPv6
/112 instead of fc00::/112 whose prefix has the same checksum, so that no packet's has to change (RFC 6296 section 3).
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network

from mix_network.exit.special_addresses import IpNetwork
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.ipr.addresses import ROUTER_IPV4, ROUTER_IPV6
from mix_protocol.netstack.wire.checksum import complement, ones_complement_sum
from mix_protocol.netstack.wire.ip import TCP, UDP, IpPacket

_CHECKSUM_AT = {TCP: 16, UDP: 6}
_CLIENT_V4 = ROUTER_IPV4.packed[:2]
_CLIENT_V6 = ROUTER_IPV6.packed[:14]
_ICMP_HEADER = 8


def choose_networks(taken: Iterable[IpNetwork], random: RandomBytes) -> tuple[IPv4Network, IPv6Network] | None:
    """Networks that overlap none that are in use here; None if all are taken.

    For IPv4 first those for benchmarks (RFC 2544), which no network has, then carriers' and private ones.
    """
    used = [network for network in taken if isinstance(network, IPv4Network) and network.prefixlen]
    candidates = (network for wide in _CANDIDATES for network in wide.subnets(new_prefix=16))
    ipv4 = next((network for network in candidates if not any(network.overlaps(each) for each in used)), None)
    return (ipv4, _neutral_network(random)) if ipv4 is not None else None


_CANDIDATES = tuple(IPv4Network(text) for text in ("198.18.0.0/15", "100.64.0.0/10", "10.0.0.0/8", "172.16.0.0/12"))


def _neutral_network(random: RandomBytes) -> IPv6Network:
    """A unique local network (RFC 4193) whose prefix sums up to what the clients' does."""
    prefix = bytes([0xFD]) + random(5)
    rest = (ones_complement_sum(_CLIENT_V6) - ones_complement_sum(prefix)) % 0xFFFF
    return IPv6Network((IPv6Address(prefix + rest.to_bytes(2, "big") + bytes(8)), 112))


class Renumbering:
    """Puts the addresses of either side in the place of the other's.

    Packets are decoded ones together with their bytes; an IPv4 header has no options.
    """

    def __init__(self, ipv4: IPv4Network, ipv6: IPv6Network) -> None:
        self.ipv4, self.ipv6 = ipv4, ipv6
        self._kernel = {4: ipv4.network_address.packed[:2], 16: ipv6.network_address.packed[:14]}
        self._client = {4: _CLIENT_V4, 16: _CLIENT_V6}
        self._outward = (ones_complement_sum(_CLIENT_V4) - ones_complement_sum(self._kernel[4])) % 0xFFFF

    def client_of(self, address: bytes) -> bytes | None:
        """The client's address for which one of the kernel's stands; None if it stands for none."""
        prefix = self._kernel[len(address)]
        return self._client[len(address)] + address[-2:] if address.startswith(prefix) else None

    def kernel_of(self, client: bytes) -> bytes:
        """What stands for a client's address in the kernel."""
        return self._kernel[len(client)] + client[-2:]

    def to_kernel(self, packet: bytes, decoded: IpPacket) -> bytes:
        """A client's packet as the kernel gets it."""
        renumbered = _cut(packet, decoded)
        if len(decoded.source) == 16:
            renumbered[8:24] = self.kernel_of(decoded.source)
        else:
            renumbered[12:16] = self.kernel_of(decoded.source)
            _adjust_v4(renumbered, decoded, self._outward)
        return bytes(renumbered)

    def to_client(self, packet: bytes, decoded: IpPacket, quoted: IpPacket | None = None) -> bytes:
        """A packet of the kernel's as the client gets it.

        quoted -- the client's packet that an ICMP error quotes
        """
        renumbered = _cut(packet, decoded)
        at = decoded.header_length + _ICMP_HEADER
        if len(decoded.source) == 16:
            renumbered[24:40] = _CLIENT_V6 + decoded.destination[-2:]
            self._rename_source(renumbered, decoded.source, 8)
            if quoted is not None:
                renumbered[at + 8 : at + 24] = _CLIENT_V6 + quoted.source[-2:]
            return bytes(renumbered)
        renumbered[16:20] = _CLIENT_V4 + decoded.destination[-2:]
        _adjust_v4(renumbered, decoded, -self._outward)
        if self._rename_source(renumbered, decoded.source, 12):
            # Only the kernel itself speaks from there, and only ICMP, whose checksum is without addresses.
            _adjust(renumbered, 10, -self._outward)
        if quoted is not None:
            renumbered[at + 12 : at + 16] = _CLIENT_V4 + quoted.source[-2:]
            _adjust(renumbered, at + 10, -self._outward)
            checksum_at = decoded.header_length + 2
            renumbered[checksum_at : checksum_at + 2] = bytes(2)
            total = ones_complement_sum(renumbered[decoded.header_length :])
            renumbered[checksum_at : checksum_at + 2] = complement(total).to_bytes(2, "big")
        return bytes(renumbered)

    def _rename_source(self, packet: bytearray, source: bytes, at: int) -> bool:
        """What the kernel sends from its own end of the device comes from the router, as the client knows it."""
        router = self.client_of(source)
        if router is None:
            return False
        packet[at : at + len(router)] = router
        return True


def _cut(packet: bytes, decoded: IpPacket) -> bytearray:
    """A packet without what stands behind its end."""
    return bytearray(packet[: decoded.header_length + len(decoded.payload)])


def _adjust_v4(packet: bytearray, decoded: IpPacket, difference: int) -> None:
    """Correct the checksums of an IPv4 packet in which an address has changed."""
    _adjust(packet, 10, difference)
    offset = _CHECKSUM_AT.get(decoded.protocol)
    if offset is None or decoded.fragment_offset or decoded.header_length + offset + 2 > len(packet):
        return
    at = decoded.header_length + offset
    if decoded.protocol != UDP or packet[at : at + 2] != b"\0\0":
        _adjust(packet, at, difference, zero=0xFFFF if decoded.protocol == UDP else 0)


def _adjust(packet: bytearray, at: int, difference: int, *, zero: int = 0) -> None:
    """Correct one checksum by how much less the words that it covers sum up to now (RFC 1624)."""
    checksum = (int.from_bytes(packet[at : at + 2], "big") + difference) % 0xFFFF
    packet[at : at + 2] = (checksum or zero).to_bytes(2, "big")
