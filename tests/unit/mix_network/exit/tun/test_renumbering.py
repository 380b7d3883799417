"""The addresses that stand for clients' in the kernel: every checksum stays right, and everything comes back."""

from __future__ import annotations

import os
from ipaddress import IPv4Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix_network.exit.tun.renumbering import Renumbering, choose_networks
from mix_protocol.netstack.wire.icmp import IcmpEcho, IcmpError, UnreachableReason, decode_icmp
from mix_protocol.netstack.wire.ip import ICMP, ICMPV6, TCP, UDP, IpPacket, decode_ip, pack_address
from mix_protocol.netstack.wire.tcp import ACK, TcpSegment, decode_tcp
from mix_protocol.netstack.wire.udp import UdpDatagram, decode_udp

REMOTE = {4: pack_address("93.184.215.14"), 6: pack_address("2606:2800:21f::14")}


def renumbering() -> Renumbering:
    networks = choose_networks([], os.urandom)
    assert networks is not None
    return Renumbering(*networks)


def client(version: int, number: int) -> bytes:
    return pack_address("10.0.0.0" if version == 4 else "fc00::")[:-2] + number.to_bytes(2, "big")


def packet(protocol: str, source: bytes, destination: bytes, payload: bytes) -> bytes:
    if protocol == "tcp":
        body = TcpSegment(5000, 80, 1, 2, ACK, 1000, payload).encode(source, destination)
        return IpPacket(source, destination, TCP, body).encode()
    if protocol == "udp":
        return IpPacket(source, destination, UDP, UdpDatagram(5000, 80, payload).encode(source, destination)).encode()
    echo = IcmpEcho(True, 7, 8, payload).encode(source, destination)
    return IpPacket(source, destination, ICMP if len(source) == 4 else ICMPV6, echo).encode()


def verify(data: bytes) -> IpPacket:
    """Raises if a checksum is wrong."""
    decoded = decode_ip(data)
    decode = {TCP: decode_tcp, UDP: decode_udp}.get(decoded.protocol, decode_icmp)
    decode(decoded.payload, decoded.source, decoded.destination)
    return decoded


@given(st.sampled_from(["tcp", "udp", "icmp"]), st.sampled_from([4, 6]), st.integers(2, 65534), st.binary(max_size=100))
def test_there_and_back_with_every_checksum_right(protocol: str, version: int, number: int, payload: bytes):
    both = renumbering()
    source, remote = client(version, number), REMOTE[version]
    original = packet(protocol, source, remote, payload)
    outward = both.to_kernel(original + b"behind its end", decode_ip(original))
    seen = verify(outward)
    assert seen.source == both.kernel_of(source) != source
    assert (seen.destination, seen.payload[20:]) == (remote, decode_ip(original).payload[20:])
    answer = packet(protocol, remote, seen.source, payload)
    inward = verify(both.to_client(answer, decode_ip(answer)))
    assert (inward.source, inward.destination) == (remote, source)
    assert both.client_of(seen.source) == source


@pytest.mark.parametrize("version", [4, 6])
def test_an_error_quotes_what_the_client_sent(version: int):
    both = renumbering()
    source, remote = client(version, 777), REMOTE[version]
    original = packet("udp", source, remote, b"lost")
    in_kernel = both.to_kernel(original, decode_ip(original))
    router = both.kernel_of(client(version, 1))
    error = IcmpError(UnreachableReason.TIME_EXCEEDED, in_kernel).encode(router, decode_ip(in_kernel).source)
    report = IpPacket(router, decode_ip(in_kernel).source, ICMP if version == 4 else ICMPV6, error).encode()
    arrived = verify(both.to_client(report, decode_ip(report), decode_ip(in_kernel)))
    told = decode_icmp(arrived.payload, arrived.source, arrived.destination)
    assert isinstance(told, IcmpError)
    assert (arrived.source, arrived.destination) == (client(version, 1), source)
    quoted = decode_ip(told.original)  # whose header's checksum is right as well
    assert (quoted.source, quoted.destination) == (source, remote)


def test_a_datagram_without_checksum_stays_without():
    both = renumbering()
    source = client(4, 5)
    datagram = bytearray(UdpDatagram(5000, 80, b"bare").encode(source, REMOTE[4]))
    datagram[6:8] = b"\0\0"
    original = IpPacket(source, REMOTE[4], UDP, bytes(datagram)).encode()
    assert decode_ip(both.to_kernel(original, decode_ip(original))).payload[6:8] == b"\0\0"


def test_later_fragments_have_no_checksum_to_correct():
    both = renumbering()
    data = bytes(range(64))
    fragment = IpPacket(REMOTE[4], both.kernel_of(client(4, 9)), UDP, data, fragment_offset=1480, dont_fragment=False)
    inward = decode_ip(both.to_client(fragment.encode(), decode_ip(fragment.encode())))
    assert (inward.destination, bytes(inward.payload)) == (client(4, 9), data)


def test_networks_that_are_in_use_are_left_alone():
    used = [ip_network(text) for text in ("0.0.0.0/0", "198.18.0.0/16", "198.19.3.0/24", "100.64.1.1/32", "::/0")]
    networks = choose_networks(used, os.urandom)
    assert networks is not None
    assert networks[0] == IPv4Network("100.65.0.0/16")
    assert networks[1].prefixlen == 112
    assert ip_address("fd00::") <= networks[1].network_address
    everything = [ip_network(text) for text in ("198.18.0.0/15", "100.64.0.0/10", "10.0.0.0/8", "172.16.0.0/12")]
    assert choose_networks(everything, os.urandom) is None
