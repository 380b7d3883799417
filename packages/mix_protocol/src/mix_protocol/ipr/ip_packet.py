"""The little of IP that a packet router looks at, and the packets that keep a connection alive.

Formats: RFC 791 (IPv4), RFC 8200 (IPv6), RFC 792 (ICMP), RFC 768 (UDP).
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from mix_protocol.codec.reader import MalformedMessage

IpAddress = IPv4Address | IPv6Address

_ICMP, _UDP = 1, 17
_ECHO_REPLY, _UNREACHABLE, _ECHO_REQUEST = 0, 3, 8
_IPV4_HEADER = 20
_IPV6_HEADER = 40
_ICMP_HEADER = 8
_UDP_HEADER = 8


@dataclass(frozen=True, slots=True)
class IpEndpoints:
    """Where an IP packet comes from and where it goes."""

    source: IpAddress
    destination: IpAddress


def read_endpoints(packet: bytes) -> IpEndpoints:
    """Read the addresses of an IPv4 or IPv6 packet; raises `MalformedMessage` if it is neither, or is cut off.

    Bytes after the packet's own length are let pass, as links add padding.
    """
    version = packet[0] >> 4 if packet else 0
    if version == 4 and len(packet) >= _IPV4_HEADER:
        header, total = (packet[0] & 0xF) * 4, int.from_bytes(packet[2:4], "big")
        if _IPV4_HEADER <= header <= total <= len(packet):
            return IpEndpoints(IPv4Address(packet[12:16]), IPv4Address(packet[16:20]))
    elif version == 6 and len(packet) >= _IPV6_HEADER + int.from_bytes(packet[4:6], "big"):
        return IpEndpoints(IPv6Address(packet[8:24]), IPv6Address(packet[24:40]))
    raise MalformedMessage("IP packet", "its header does not fit its bytes")


def echo_request(source: IPv4Address, destination: IPv4Address, identifier: int, sequence: int) -> bytes:
    """An ICMP echo request without data: 28 bytes. `identifier` and `sequence` have 16 bits."""
    return _echo(_ECHO_REQUEST, source, destination, identifier.to_bytes(2, "big") + sequence.to_bytes(2, "big"))


def echo_reply_to(packet: bytes) -> bytes | None:
    """The reply to an IPv4 echo request; None if the packet is none."""
    endpoints = read_endpoints(packet)
    if not (isinstance(endpoints.source, IPv4Address) and isinstance(endpoints.destination, IPv4Address)):
        return None
    message = _transport(packet, _ICMP, _ICMP_HEADER)
    if message is None or message[0] != _ECHO_REQUEST:
        return None
    return _echo(_ECHO_REPLY, endpoints.destination, endpoints.source, message[4:])


def is_echo_reply(packet: bytes, source: IPv4Address, identifier: int) -> bool:
    """Whether a packet answers an echo request of ours to `source`."""
    if packet[12:16] != source.packed:
        return False
    message = _transport(packet, _ICMP, _ICMP_HEADER)
    return message is not None and message[0] == _ECHO_REPLY and message[4:6] == identifier.to_bytes(2, "big")


def udp_datagram(
    source: IPv4Address, source_port: int, destination: IPv4Address, destination_port: int, data: bytes
) -> bytes:
    """An IPv4 packet with one datagram."""
    addresses = source.packed + destination.packed
    length = (_UDP_HEADER + len(data)).to_bytes(2, "big")
    ports = source_port.to_bytes(2, "big") + destination_port.to_bytes(2, "big")
    pseudo_header = b"".join((addresses, bytes((0, _UDP)), length))
    checksum = _checksum(b"".join((pseudo_header, ports, length, bytes(2), data)))
    # 0 would mean that there is none (RFC 768).
    return _ipv4(_UDP, source, destination, b"".join((ports, length, checksum.replace(bytes(2), b"\xff\xff"), data)))


def read_udp(packet: bytes) -> tuple[IPv4Address, int, int, bytes] | None:
    """Source, source port, destination port and data of an unfragmented IPv4 datagram; None if the packet is none."""
    message = _transport(packet, _UDP, _UDP_HEADER)
    if message is None:
        return None
    ports = int.from_bytes(message[:2], "big"), int.from_bytes(message[2:4], "big")
    return IPv4Address(packet[12:16]), *ports, message[_UDP_HEADER : int.from_bytes(message[4:6], "big")]


def read_unreachable(packet: bytes) -> tuple[IPv4Address, int, int] | None:
    """Destination, source port and destination port of the datagram that an ICMP message says can't get there.

    None if the packet is no such message.
    """
    message = _transport(packet, _ICMP, _ICMP_HEADER)
    if message is None or message[0] != _UNREACHABLE:
        return None
    returned = message[_ICMP_HEADER:]
    start = (returned[0] & 0xF) * 4 if returned else 0
    if start < _IPV4_HEADER or len(returned) < start + 4 or returned[9] != _UDP:
        return None
    ports = returned[start : start + 4]
    return IPv4Address(returned[16:20]), int.from_bytes(ports[:2], "big"), int.from_bytes(ports[2:], "big")


def _transport(packet: bytes, protocol: int, header_length: int) -> bytes | None:
    """The message of a protocol in an IPv4 packet that is not fragmented."""
    if len(packet) < _IPV4_HEADER or packet[0] >> 4 != 4 or packet[9] != protocol:
        return None
    if int.from_bytes(packet[6:8], "big") & 0x3FFF:
        return None
    message = packet[(packet[0] & 0xF) * 4 : int.from_bytes(packet[2:4], "big")]
    return message if len(message) >= header_length else None


def _echo(kind: int, source: IPv4Address, destination: IPv4Address, rest: bytes) -> bytes:
    unchecked = bytes((kind, 0, 0, 0)) + rest
    return _ipv4(_ICMP, source, destination, unchecked[:2] + _checksum(unchecked) + unchecked[4:])


def _ipv4(protocol: int, source: IPv4Address, destination: IPv4Address, message: bytes) -> bytes:
    total = _IPV4_HEADER + len(message)
    header = b"\x45\0" + total.to_bytes(2, "big") + b"\0\0\x40\0" + bytes((64, protocol))
    addresses = source.packed + destination.packed
    return header + _checksum(header + addresses) + addresses + message


def _checksum(data: bytes) -> bytes:
    """The Internet checksum (RFC 1071) of `data`; 2 bytes.

    Adding 16-bit words with end-around carry gives the remainder modulo 65535, so one big integer does it at once; only
    that a sum of several carries ends at 65535, never at 0.
    """
    number = int.from_bytes(data + bytes(len(data) % 2), "big")
    total = number % 0xFFFF or (0xFFFF if number else 0)
    return (0xFFFF - total).to_bytes(2, "big")
