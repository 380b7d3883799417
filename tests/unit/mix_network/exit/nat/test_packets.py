"""Packets that the exit itself makes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix_network.exit.nat.packets import datagram_packets, reset_for, unreachable_for
from mix_protocol.netstack.wire.icmp import IcmpError, UnreachableReason, decode_icmp
from mix_protocol.netstack.wire.ip import TCP, IpPacket, decode_ip, pack_address
from mix_protocol.netstack.wire.tcp import ACK, FIN, RST, SYN, TcpSegment, decode_tcp
from mix_protocol.netstack.wire.udp import decode_udp

FOUR = (pack_address("10.0.0.2"), pack_address("9.9.9.9"))
SIX = (pack_address("fc00::2"), pack_address("2620:fe::9"))


@pytest.mark.parametrize(("source", "destination"), [FOUR, SIX])
@pytest.mark.parametrize("reason", [UnreachableReason.ADMINISTRATIVELY_PROHIBITED, UnreachableReason.HOST])
def test_a_report_quotes_the_packet(source, destination, reason):
    original = IpPacket(source, destination, TCP, TcpSegment(1, 2, 3, 4, SYN, 5).encode(source, destination)).encode()
    packet = decode_ip(unreachable_for(original, decode_ip(original), reason))
    assert packet.destination == source
    report = decode_icmp(packet.payload, packet.source, packet.destination)
    assert report == IcmpError(reason, original)


@given(st.binary(max_size=6000), st.integers(600, 1500))
def test_datagrams_arrive_whole_however_small_the_mtu(data, mtu):
    packets = datagram_packets((FOUR[1], 53), (FOUR[0], 5000), data, mtu)
    assert all(len(packet) <= mtu for packet in packets)
    parts = [decode_ip(packet) for packet in packets]
    assert [part.more_fragments for part in parts] == [True] * (len(parts) - 1) + [False]
    whole = bytearray()
    for part in parts:
        assert part.fragment_offset == len(whole)
        whole += part.payload
    datagram = decode_udp(bytes(whole), FOUR[1], FOUR[0])
    assert (datagram.source_port, datagram.destination_port, bytes(datagram.payload)) == (53, 5000, data)


def test_ipv6_datagrams_are_not_cut():
    assert len(datagram_packets((SIX[1], 53), (SIX[0], 5000), bytes(1000), 1500)) == 1
    assert datagram_packets((SIX[1], 53), (SIX[0], 5000), bytes(2000), 1500) == []


@pytest.mark.parametrize(("source", "destination"), [FOUR, SIX])
@pytest.mark.parametrize(
    ("flags", "payload", "sequence", "acknowledgment", "answer"),
    [
        (SYN, b"", 0, 8, RST | ACK),
        (FIN, b"abc", 0, 11, RST | ACK),
        (ACK, b"abc", 99, 0, RST),
        (SYN | ACK, b"", 99, 0, RST),
    ],
)
def test_a_reset_is_one_that_the_sender_accepts(source, destination, flags, payload, sequence, acknowledgment, answer):
    """RFC 9293 section 3.10.7.1."""
    segment = TcpSegment(5000, 80, 7, 99, flags, 10, payload).encode(source, destination)
    packet = decode_ip(reset_for(decode_ip(IpPacket(source, destination, TCP, segment).encode())))
    assert (packet.source, packet.destination) == (destination, source)
    reset = decode_tcp(packet.payload, packet.source, packet.destination)
    assert (reset.source_port, reset.destination_port) == (80, 5000)
    assert (reset.sequence, reset.acknowledgment, reset.flags) == (sequence, acknowledgment, answer)


@pytest.mark.parametrize("payload", [TcpSegment(1, 2, 3, 4, RST, 5).encode(*FOUR), b"short"])
def test_resets_and_what_is_malformed_get_none(payload):
    assert reset_for(decode_ip(IpPacket(*FOUR, TCP, payload).encode())) is None
