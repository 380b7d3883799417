"""The little of IP that a packet router looks at, and the echo packets that keep a connection alive.

Formats: RFC 791 (IPv4), RFC 8200 (IPv6), RFC 792 (ICMP echo).
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from mix_protocol.codec.reader import MalformedMessage

IpAddress = IPv4Address | IPv6Address

_ICMP = 1
_ECHO_REPLY, _ECHO_REQUEST = 0, 8
_IPV4_HEADER = 20
_IPV6_HEADER = 40
_ICMP_HEADER = 8


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
    message = _icmp_message(packet)
    if message is None or message[0] != _ECHO_REQUEST:
        return None
    return _echo(_ECHO_REPLY, endpoints.destination, endpoints.source, message[4:])


def is_echo_reply(packet: bytes, source: IPv4Address, identifier: int) -> bool:
    """Whether a packet answers an echo request of ours to `source`."""
    if packet[12:16] != source.packed:
        return False
    message = _icmp_message(packet)
    return message is not None and message[0] == _ECHO_REPLY and message[4:6] == identifier.to_bytes(2, "big")


def _icmp_message(packet: bytes) -> bytes | None:
    """The ICMP message of an IPv4 packet that is not fragmented."""
    if len(packet) < _IPV4_HEADER or packet[0] >> 4 != 4 or packet[9] != _ICMP:
        return None
    if int.from_bytes(packet[6:8], "big") & 0x3FFF:
        return None
    message = packet[(packet[0] & 0xF) * 4 : int.from_bytes(packet[2:4], "big")]
    return message if len(message) >= _ICMP_HEADER else None


def _echo(kind: int, source: IPv4Address, destination: IPv4Address, rest: bytes) -> bytes:
    unchecked = bytes((kind, 0, 0, 0)) + rest
    message = unchecked[:2] + _checksum(unchecked) + unchecked[4:]
    total = _IPV4_HEADER + len(message)
    header = b"\x45\0" + total.to_bytes(2, "big") + b"\0\0\x40\0" + bytes((64, _ICMP))
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
