"""IPv4 (RFC 791) and IPv6 (RFC 8200) packets as one value."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from mix_protocol.netstack.errors import MalformedPacket
from mix_protocol.netstack.wire.checksum import complement, ones_complement_sum

ICMP = 1
TCP = 6
UDP = 17
ICMPV6 = 58

IPV4_HEADER_LENGTH = 20
IPV6_HEADER_LENGTH = 40
DEFAULT_HOP_LIMIT = 64

IpAddress = IPv4Address | IPv6Address

_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_IPV6 = struct.Struct("!IHBB16s16s")
_DONT_FRAGMENT = 0x4000
_MORE_FRAGMENTS = 0x2000
_OFFSET_MASK = 0x1FFF
# Hop-by-hop options, routing and destination options (RFC 8200 section 4): skipped.
_SKIPPED_EXTENSIONS = frozenset({0, 43, 60})
_FRAGMENT_EXTENSION = 44


@dataclass(slots=True)
class IpPacket:
    """One IP packet, or one fragment of one.

    source, destination -- packed addresses, 4 or 16 bytes
    protocol -- what the payload is: ICMP, TCP, UDP, ICMPV6 …
    identification -- of fragments; 0 on whole packets that must stay whole, so that no counter tells one sender's
        flows (RFC 6864 section 4.1)
    fragment_offset -- in bytes; with more_fragments false and offset 0 the packet is whole
    header_length -- of a decoded packet: how many bytes come before the payload
    """

    source: bytes = field(repr=False)
    destination: bytes = field(repr=False)
    protocol: int
    payload: bytes | memoryview = field(repr=False)
    hop_limit: int = DEFAULT_HOP_LIMIT
    identification: int = 0
    fragment_offset: int = 0
    more_fragments: bool = False
    dont_fragment: bool = True
    header_length: int = 0

    @property
    def is_fragment(self) -> bool:
        """Whether other packets hold the rest."""
        return self.more_fragments or self.fragment_offset > 0

    def encode(self) -> bytes:
        """The packet's bytes; IPv4 or IPv6 by the addresses' length."""
        return b"".join((self.encode_header(len(self.payload)), self.payload))

    def encode_header(self, payload_length: int) -> bytes:
        """The header alone, for a payload of that many bytes. IPv6 packets are never written as fragments."""
        if len(self.source) == 16:
            return _IPV6.pack(0x6000_0000, payload_length, self.protocol, self.hop_limit, self.source, self.destination)
        fragmentation = self.fragment_offset >> 3
        if self.dont_fragment:
            fragmentation |= _DONT_FRAGMENT
        if self.more_fragments:
            fragmentation |= _MORE_FRAGMENTS
        return encode_ipv4_header(
            self.source,
            self.destination,
            self.protocol,
            payload_length,
            self.identification,
            fragmentation,
            self.hop_limit,
        )


def encode_ipv4_header(
    source: bytes,
    destination: bytes,
    protocol: int,
    payload_length: int,
    identification: int,
    fragmentation: int = _DONT_FRAGMENT,
    hop_limit: int = DEFAULT_HOP_LIMIT,
) -> bytes:
    """20 bytes of IPv4 header without options; `fragmentation` is the flags and offset field as it is on the wire."""
    total_length = IPV4_HEADER_LENGTH + payload_length
    total = (
        0x4500
        + total_length
        + identification
        + fragmentation
        + (hop_limit << 8 | protocol)
        + int.from_bytes(source + destination, "big")
    )
    return _IPV4.pack(
        0x45,
        0,
        total_length,
        identification,
        fragmentation,
        hop_limit,
        protocol,
        complement(total),
        source,
        destination,
    )


def decode_ip(packet: bytes | memoryview) -> IpPacket:
    """Parse an IPv4 or IPv6 packet; bytes after its stated length are ignored. Raises MalformedPacket."""
    if len(packet) < IPV4_HEADER_LENGTH:
        raise MalformedPacket("IP packet", "it is shorter than a header")
    version = packet[0] >> 4
    if version == 4:
        return _decode_ipv4(packet)
    if version == 6:
        return _decode_ipv6(packet)
    raise MalformedPacket("IP packet", "its version is neither 4 nor 6")


def _decode_ipv4(packet: bytes | memoryview) -> IpPacket:
    first, _, total_length, identification, fragmentation, hop_limit, protocol, _, source, destination = (
        _IPV4.unpack_from(packet)
    )
    header_length = (first & 0xF) * 4
    if not IPV4_HEADER_LENGTH <= header_length <= total_length <= len(packet):
        raise MalformedPacket("IPv4 packet", "its lengths contradict each other")
    view = memoryview(packet)
    if ones_complement_sum(view[:header_length]):
        raise MalformedPacket("IPv4 packet", "its header's checksum is wrong")
    return IpPacket(
        source,
        destination,
        protocol,
        view[header_length:total_length],
        hop_limit,
        identification,
        (fragmentation & _OFFSET_MASK) << 3,
        bool(fragmentation & _MORE_FRAGMENTS),
        bool(fragmentation & _DONT_FRAGMENT),
        header_length,
    )


def _decode_ipv6(packet: bytes | memoryview) -> IpPacket:
    if len(packet) < IPV6_HEADER_LENGTH:
        raise MalformedPacket("IPv6 packet", "it is shorter than a header")
    _, payload_length, protocol, hop_limit, source, destination = _IPV6.unpack_from(packet)
    end = IPV6_HEADER_LENGTH + payload_length
    if end > len(packet):
        raise MalformedPacket("IPv6 packet", "it ends too early")
    at = IPV6_HEADER_LENGTH
    decoded = IpPacket(source, destination, protocol, b"", hop_limit)
    while protocol in _SKIPPED_EXTENSIONS or protocol == _FRAGMENT_EXTENSION:
        if at + 8 > end:
            raise MalformedPacket("IPv6 packet", "an extension header ends too early")
        if protocol == _FRAGMENT_EXTENSION:
            _, offset, decoded.identification = struct.unpack_from("!HHI", packet, at)
            decoded.fragment_offset = offset & 0xFFF8
            decoded.more_fragments = bool(offset & 1)
            length = 8
        else:
            length = packet[at + 1] * 8 + 8
        protocol = packet[at]
        at += length
        if decoded.is_fragment:
            break
    if at > end:
        raise MalformedPacket("IPv6 packet", "an extension header ends too late")
    decoded.protocol = protocol
    decoded.header_length = at
    decoded.payload = memoryview(packet)[at:end]
    return decoded


def decode_quoted_ip(original: bytes) -> IpPacket | None:
    """Parse the packet that an ICMP error quotes: cut short, and its checksum maybe stale. None if it tells too little.

    The payload that is given has at least 8 bytes: the ports, and TCP's sequence number.
    """
    if len(original) < IPV4_HEADER_LENGTH + 8:
        return None
    if original[0] >> 4 == 4:
        header_length = (original[0] & 0xF) * 4
        _, _, _, _, _, hop_limit, protocol, _, source, destination = _IPV4.unpack_from(original)
    elif original[0] >> 4 == 6 and len(original) >= IPV6_HEADER_LENGTH + 8:
        # Nothing of ours has extension headers.
        header_length = IPV6_HEADER_LENGTH
        _, _, protocol, hop_limit, source, destination = _IPV6.unpack_from(original)
    else:
        return None
    if not IPV4_HEADER_LENGTH <= header_length <= len(original) - 8:
        return None
    return IpPacket(source, destination, protocol, original[header_length:], hop_limit, header_length=header_length)


def is_unicast(address: bytes) -> bool:
    """Whether a packed address names one host: neither multicast, nor broadcast, nor unspecified."""
    if len(address) == 16:
        return address[0] != 0xFF and any(address)
    return 0 < address[0] < 224


def pack_address(address: IpAddress | str | bytes) -> bytes:
    """An address as packed bytes."""
    if isinstance(address, bytes):
        return address
    if isinstance(address, str):
        from ipaddress import ip_address

        return ip_address(address).packed
    return address.packed


def unpack_address(packed: bytes) -> IpAddress:
    """Packed bytes as an address: 4 of them IPv4, 16 IPv6."""
    return IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed)
