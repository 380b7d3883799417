"""Packets that the exit itself sends to a client: reports, answers and datagrams."""

from __future__ import annotations

from itertools import count

from mix_network.exit.nat.flow import FlowKey
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.netstack.wire.icmp import IcmpEcho, IcmpError, UnreachableReason
from mix_protocol.netstack.wire.ip import ICMP, ICMPV6, TCP, UDP, IpPacket
from mix_protocol.netstack.wire.tcp import ACK, FIN, RST, SYN, TcpSegment, decode_tcp
from mix_protocol.netstack.wire.udp import UdpDatagram

_IPV4_HEADER_LENGTH = 20
_identification = count(1)


def unreachable_for(original: bytes, packet: IpPacket, reason: UnreachableReason) -> bytes:
    """The ICMP message that tells the sender of `original` why it did not arrive, in the destination's name."""
    message = IcmpError(reason, original).encode(packet.destination, packet.source)
    return IpPacket(packet.destination, packet.source, _icmp_protocol(packet.source), message).encode()


def reset_for(packet: IpPacket) -> bytes | None:
    """The reset that answers a client's segment of no connection (RFC 9293 section 3.10.7.1), in the destination's
    name; None for one that is itself a reset, or malformed."""
    try:
        segment = decode_tcp(packet.payload, packet.source, packet.destination)
    except PeerMisbehaved:
        return None
    if segment.flags & RST:
        return None
    if segment.flags & ACK:
        sequence, acknowledgment, flags = segment.acknowledgment, 0, RST
    else:
        length = len(segment.payload) + bool(segment.flags & SYN) + bool(segment.flags & FIN)
        sequence, acknowledgment, flags = 0, (segment.sequence + length) & 0xFFFFFFFF, RST | ACK
    reset = TcpSegment(segment.destination_port, segment.source_port, sequence, acknowledgment, flags, 0)
    source, destination = packet.destination, packet.source
    return IpPacket(source, destination, TCP, reset.encode(source, destination)).encode()


def echo_reply(key: FlowKey, reply: IcmpEcho) -> bytes:
    """A ping's answer to the client of a flow."""
    source, destination = key.remote[0], key.client[0]
    message = reply.encode(source, destination)
    return IpPacket(source, destination, _icmp_protocol(source), message).encode()


def datagram_packets(source: tuple[bytes, int], destination: tuple[bytes, int], data: bytes, mtu: int) -> list[bytes]:
    """A UDP datagram as one IP packet, or over IPv4 as fragments when it does not fit; empty if it can't be sent."""
    datagram = UdpDatagram(source[1], destination[1], data).encode(source[0], destination[0])
    packet = IpPacket(source[0], destination[0], UDP, datagram)
    whole = packet.encode()
    if len(whole) <= mtu:
        return [whole]
    if len(source[0]) == 16:
        return []
    step = (mtu - _IPV4_HEADER_LENGTH) & ~7
    identification = next(_identification) & 0xFFFF
    return [
        IpPacket(
            source[0],
            destination[0],
            UDP,
            datagram[at : at + step],
            identification=identification,
            fragment_offset=at,
            more_fragments=at + step < len(datagram),
            dont_fragment=False,
        ).encode()
        for at in range(0, len(datagram), step)
    ]


def _icmp_protocol(address: bytes) -> int:
    return ICMPV6 if len(address) == 16 else ICMP
