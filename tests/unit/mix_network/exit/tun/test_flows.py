"""Which packets belong to which flow, and how long it is kept."""

from __future__ import annotations

import pytest

from mix_network.exit.nat.flow import FlowKey
from mix_network.exit.nat.tcp import IDLE_S, TRANSITORY_IDLE_S
from mix_network.exit.tun.flows import KernelFlow, inward_key, outward_key, quoted_packet
from mix_protocol.netstack.wire.icmp import IcmpEcho, IcmpError, UnreachableReason
from mix_protocol.netstack.wire.ip import ICMP, ICMPV6, TCP, UDP, IpPacket, decode_ip, pack_address
from mix_protocol.netstack.wire.tcp import ACK, FIN, RST, SYN, TcpSegment
from mix_protocol.netstack.wire.udp import UdpDatagram

CLIENT, KERNEL, REMOTE = (pack_address(text) for text in ("10.0.3.7", "198.18.3.7", "93.184.215.14"))
CLIENT_V6, REMOTE_V6 = pack_address("fc00::307"), pack_address("2606:2800:21f::14")


def segment(flags: int, *, outward: bool = True) -> IpPacket:
    source, destination = (CLIENT, REMOTE) if outward else (REMOTE, KERNEL)
    ports = (5000, 80) if outward else (80, 5000)
    body = TcpSegment(*ports, 1, 2, flags, 1000).encode(source, destination)
    return decode_ip(IpPacket(source, destination, TCP, body).encode())


def echo(source: bytes, destination: bytes, *, is_request: bool) -> IpPacket:
    protocol = ICMP if len(source) == 4 else ICMPV6
    body = IcmpEcho(is_request, 77, 1, b"ping").encode(source, destination)
    return decode_ip(IpPacket(source, destination, protocol, body).encode())


def test_what_goes_out_and_what_answers_it_have_one_key():
    key = FlowKey("tcp", (CLIENT, 5000), (REMOTE, 80))
    assert outward_key(segment(SYN)) == key
    assert inward_key(segment(SYN | ACK, outward=False), CLIENT) == key


@pytest.mark.parametrize(("client", "remote"), [(CLIENT, REMOTE), (CLIENT_V6, REMOTE_V6)])
def test_pings_are_known_by_their_identifier(client: bytes, remote: bytes):
    key = FlowKey("icmp", (client, 77), (remote, 0))
    assert outward_key(echo(client, remote, is_request=True)) == key
    assert inward_key(echo(remote, client, is_request=False), client) == key


@pytest.mark.parametrize(("client", "remote"), [(CLIENT, REMOTE), (CLIENT_V6, REMOTE_V6)])
def test_no_client_answers_pings_and_nobody_pings_a_client(client: bytes, remote: bytes):
    assert outward_key(echo(client, remote, is_request=False)) is None
    assert inward_key(echo(remote, client, is_request=True), client) is None


@pytest.mark.parametrize("protocol", [TCP, UDP, ICMP, 132])
def test_what_is_too_short_or_unknown_has_no_key(protocol: int):
    packet = decode_ip(IpPacket(CLIENT, REMOTE, protocol, b"\0" * 7).encode())
    assert outward_key(packet) is None
    assert inward_key(packet, CLIENT) is None


def test_only_errors_quote():
    datagram = IpPacket(KERNEL, REMOTE, UDP, UdpDatagram(5, 53, b"?").encode(KERNEL, REMOTE)).encode()
    error = IcmpError(UnreachableReason.PORT, datagram).encode(REMOTE, KERNEL)
    quoted = quoted_packet(decode_ip(IpPacket(REMOTE, KERNEL, ICMP, error).encode()))
    assert quoted is not None
    assert outward_key(quoted) == FlowKey("udp", (KERNEL, 5), (REMOTE, 53))
    assert quoted_packet(echo(REMOTE, KERNEL, is_request=False)) is None
    assert quoted_packet(decode_ip(IpPacket(REMOTE, KERNEL, ICMP, error[:12]).encode())) is None


def test_an_error_about_a_segment_quotes_little_of_it():
    whole = IpPacket(KERNEL, REMOTE, TCP, TcpSegment(5000, 80, 1, 2, ACK, 9).encode(KERNEL, REMOTE)).encode()
    body = IcmpError(UnreachableReason.HOST, whole[:28]).encode(REMOTE, KERNEL)
    quoted = quoted_packet(decode_ip(IpPacket(REMOTE, KERNEL, ICMP, body).encode()))
    assert quoted is not None
    assert outward_key(quoted) == FlowKey("tcp", (KERNEL, 5000), (REMOTE, 80))


def flow() -> KernelFlow:
    return KernelFlow(FlowKey("tcp", (CLIENT, 5000), (REMOTE, 80)), 0.0, lambda _: None)


def test_a_connection_is_kept_for_long_only_while_it_is_whole():
    connection = flow()
    connection.see(segment(SYN), outward=True)
    assert connection.idle_s == TRANSITORY_IDLE_S
    connection.see(segment(SYN | ACK, outward=False), outward=False)
    assert connection.idle_s == IDLE_S
    connection.see(segment(FIN | ACK), outward=True)
    connection.see(segment(ACK, outward=False), outward=False)
    assert connection.idle_s == IDLE_S  # one direction is still open
    connection.see(segment(FIN | ACK, outward=False), outward=False)
    connection.see(segment(ACK, outward=False), outward=False)
    assert connection.idle_s == TRANSITORY_IDLE_S


def test_a_reset_ends_it_soon_and_a_syn_begins_anew():
    connection = flow()
    connection.see(segment(SYN), outward=True)
    connection.see(segment(RST | ACK, outward=False), outward=False)
    assert connection.idle_s < TRANSITORY_IDLE_S
    connection.see(segment(SYN), outward=True)
    connection.see(segment(SYN | ACK, outward=False), outward=False)
    assert connection.idle_s == IDLE_S


def test_nothing_from_outside_makes_a_half_open_connection_whole_but_an_acknowledgement():
    connection = flow()
    connection.see(segment(SYN), outward=True)
    connection.see(segment(ACK), outward=True)
    assert connection.idle_s == TRANSITORY_IDLE_S
