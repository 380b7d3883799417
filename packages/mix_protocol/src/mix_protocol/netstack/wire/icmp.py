"""ICMP (RFC 792, RFC 1812) and ICMPv6 (RFC 4443): echo, and errors about packets that did not arrive."""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass, field

from mix_protocol.netstack.errors import MalformedPacket
from mix_protocol.netstack.wire.checksum import complement, ones_complement_sum, pseudo_header_sum
from mix_protocol.netstack.wire.ip import ICMPV6

HEADER_LENGTH = 8

_HEADER = struct.Struct("!BBHHH")
_ECHO_TYPES_V4 = (8, 0)
_ECHO_TYPES_V6 = (128, 129)
# An error quotes as much of the packet as keeps it within the least MTU (RFC 1812 section 4.3.2.3, RFC 4443 2.4 c).
_QUOTE_LIMIT_V4 = 576 - 20 - HEADER_LENGTH
_QUOTE_LIMIT_V6 = 1280 - 40 - HEADER_LENGTH


class UnreachableReason(enum.Enum):
    """Why a destination is unreachable; a value of its own where IPv4 and IPv6 agree on the meaning."""

    NETWORK = "network"
    HOST = "host"
    PROTOCOL = "protocol"
    PORT = "port"
    ADMINISTRATIVELY_PROHIBITED = "administratively_prohibited"
    PACKET_TOO_BIG = "packet_too_big"
    TIME_EXCEEDED = "time_exceeded"


_Reason = UnreachableReason
_V4_TYPE_CODE = {
    _Reason.NETWORK: (3, 0),
    _Reason.HOST: (3, 1),
    _Reason.PROTOCOL: (3, 2),
    _Reason.PORT: (3, 3),
    _Reason.PACKET_TOO_BIG: (3, 4),
    _Reason.ADMINISTRATIVELY_PROHIBITED: (3, 13),
    _Reason.TIME_EXCEEDED: (11, 0),
}
_V6_TYPE_CODE = {
    _Reason.NETWORK: (1, 0),
    _Reason.ADMINISTRATIVELY_PROHIBITED: (1, 1),
    _Reason.HOST: (1, 3),
    _Reason.PORT: (1, 4),
    _Reason.PACKET_TOO_BIG: (2, 0),
    _Reason.TIME_EXCEEDED: (3, 0),
    _Reason.PROTOCOL: (4, 1),
}
_V4_REASON = {
    **{pair: reason for reason, pair in _V4_TYPE_CODE.items()},
    # RFC 1122 section 3.2.2.1: unknown, isolated, prohibited, type of service.
    (3, 5): _Reason.HOST,
    (3, 6): _Reason.NETWORK,
    (3, 7): _Reason.HOST,
    (3, 8): _Reason.HOST,
    (3, 9): _Reason.ADMINISTRATIVELY_PROHIBITED,
    (3, 10): _Reason.ADMINISTRATIVELY_PROHIBITED,
    (3, 11): _Reason.NETWORK,
    (3, 12): _Reason.HOST,
    (11, 1): _Reason.TIME_EXCEEDED,
}
_V6_REASON = {
    **{pair: reason for reason, pair in _V6_TYPE_CODE.items()},
    (1, 2): _Reason.HOST,
    (1, 5): _Reason.ADMINISTRATIVELY_PROHIBITED,
    (1, 6): _Reason.ADMINISTRATIVELY_PROHIBITED,
    (3, 1): _Reason.TIME_EXCEEDED,
}


@dataclass(frozen=True, slots=True)
class IcmpEcho:
    """A ping, or the answer to one."""

    is_request: bool
    identifier: int
    sequence: int
    payload: bytes = field(repr=False)

    def encode(self, source: bytes, destination: bytes) -> bytes:
        """The message's bytes; ICMP or ICMPv6 by the addresses' length."""
        request, reply = _ECHO_TYPES_V6 if len(source) == 16 else _ECHO_TYPES_V4
        kind = request if self.is_request else reply
        return _encode(kind, 0, self.identifier, self.sequence, self.payload, source, destination)


@dataclass(frozen=True, slots=True)
class IcmpError:
    """A report that a packet did not arrive.

    original -- the start of that packet, from its IP header on
    mtu_bytes -- of the next hop, with PACKET_TOO_BIG (0 if it does not say)
    """

    reason: UnreachableReason
    original: bytes = field(repr=False)
    mtu_bytes: int = 0

    def encode(self, source: bytes, destination: bytes) -> bytes:
        """The message's bytes; ICMP or ICMPv6 by the addresses' length."""
        if len(source) == 16:
            kind, code = _V6_TYPE_CODE[self.reason]
            quote = self.original[:_QUOTE_LIMIT_V6]
        else:
            kind, code = _V4_TYPE_CODE[self.reason]
            quote = self.original[:_QUOTE_LIMIT_V4]
        return _encode(kind, code, 0, self.mtu_bytes, quote, source, destination)


IcmpMessage = IcmpEcho | IcmpError


def _encode(kind: int, code: int, high: int, low: int, payload: bytes, source: bytes, destination: bytes) -> bytes:
    total = (kind << 8 | code) + high + low + ones_complement_sum(payload)
    if len(source) == 16:
        total += pseudo_header_sum(source, destination, ICMPV6) + HEADER_LENGTH + len(payload)
    return _HEADER.pack(kind, code, complement(total), high, low) + payload


def decode_icmp(data: bytes | memoryview, source: bytes, destination: bytes) -> IcmpMessage | None:
    """Parse an IP payload as ICMP or ICMPv6 (by the addresses' length) and verify its checksum.

    Gives None for a valid message of a type that this stack has no use for. Raises MalformedPacket.
    """
    if len(data) < HEADER_LENGTH:
        raise MalformedPacket("ICMP message", "it is shorter than its header")
    total = ones_complement_sum(data)
    is_v6 = len(source) == 16
    if is_v6:
        total += pseudo_header_sum(source, destination, ICMPV6) + len(data)
    if total % 0xFFFF:
        raise MalformedPacket("ICMP message", "its checksum is wrong")
    kind, code, _, high, low = _HEADER.unpack_from(data)
    payload = bytes(data[HEADER_LENGTH:])
    request, reply = _ECHO_TYPES_V6 if is_v6 else _ECHO_TYPES_V4
    if kind in (request, reply):
        return IcmpEcho(kind == request, high, low, payload)
    reason = (_V6_REASON if is_v6 else _V4_REASON).get((kind, code))
    if reason is None:
        return None
    mtu_bytes = 0
    if reason is UnreachableReason.PACKET_TOO_BIG:
        mtu_bytes = high << 16 | low if is_v6 else low
    return IcmpError(reason, payload, mtu_bytes)
