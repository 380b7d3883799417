"""Formats against hand-made and captured packets."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from mix_protocol.errors import PeerMisbehaved
from mix_protocol.netstack.wire.checksum import complement, ones_complement_sum
from mix_protocol.netstack.wire.icmp import IcmpEcho, IcmpError, UnreachableReason, decode_icmp
from mix_protocol.netstack.wire.ip import IpPacket, decode_ip, decode_quoted_ip
from mix_protocol.netstack.wire.tcp import ACK, FIN, PSH, SYN, TcpSegment, decode_tcp
from mix_protocol.netstack.wire.udp import UdpDatagram, decode_udp

A, B = ip_address("10.0.0.77").packed, ip_address("8.8.8.8").packed
A6, B6 = ip_address("fd00::1").packed, ip_address("2001:db8::2").packed

# What the published client sends to look a name up (its smoltcp 62ac5b8): a DNS query for example.test.
CAPTURED_DNS_QUERY = bytes.fromhex(
    "4500003a0000400040112057 0a00004d 08080808 c000003500269 9f5"
    "5293010000010000000000000765 78616d706c65 0474657374 0000010001".replace(" ", "")
)
# The options of its SYN: MSS 1460, window scale 0, SACK permitted, end of list.
CAPTURED_SYN_OPTIONS = bytes.fromhex("020405b4 030300 0402 000000")


def slow_checksum(data: bytes) -> int:
    """RFC 1071, word by word."""
    total = 0
    for at in range(0, len(data), 2):
        total += int.from_bytes(data[at : at + 2].ljust(2, b"\0"), "big")
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@pytest.mark.parametrize("length", [0, 1, 2, 3, 20, 1459, 1460])
def test_the_checksum_is_the_textbooks(length: int) -> None:
    data = bytes((i * 37 + 11) % 256 for i in range(length))
    assert complement(ones_complement_sum(data)) in {slow_checksum(data), slow_checksum(data) ^ 0xFFFF}
    if length:
        assert complement(ones_complement_sum(data)) == slow_checksum(data)


def test_rfc_1071s_example() -> None:
    assert ones_complement_sum(bytes.fromhex("0001f203f4f5f6f7")) == 0xDDF2


def test_the_captured_query_decodes_and_encodes_to_the_same_bytes() -> None:
    ip = decode_ip(CAPTURED_DNS_QUERY)
    assert (ip.source, ip.destination, ip.protocol, ip.hop_limit) == (A, B, 17, 64)
    udp = decode_udp(ip.payload, ip.source, ip.destination)
    assert (udp.source_port, udp.destination_port) == (49152, 53)
    assert bytes(udp.payload[12:]) == b"\x07example\x04test\0\0\x01\0\x01"
    again = IpPacket(A, B, 17, UdpDatagram(49152, 53, udp.payload).encode(A, B)).encode()
    assert again == CAPTURED_DNS_QUERY


def test_the_published_clients_syn_options_decode() -> None:
    segment = TcpSegment(49152, 80, 1, 0, SYN, 65535)
    plain = segment.encode(A, B)
    raw = bytearray(plain + CAPTURED_SYN_OPTIONS)
    raw[12] = 0x80
    raw[16:18] = b"\0\0"
    pseudo = A + B + b"\0\x06" + len(raw).to_bytes(2, "big")
    raw[16:18] = slow_checksum(pseudo + raw).to_bytes(2, "big")
    decoded = decode_tcp(bytes(raw), A, B)
    assert (decoded.mss, decoded.window_scale, decoded.sack_permitted) == (1460, 0, True)
    assert decoded.flags == SYN


@pytest.mark.parametrize(("source", "destination"), [(A, B), (A6, B6)], ids=["v4", "v6"])
def test_tcp_round_trip(source: bytes, destination: bytes) -> None:
    segment = TcpSegment(
        1, 65535, 2**32 - 1, 7, ACK | PSH | FIN, 512, b"odd", sack_blocks=((1, 2), (2**32 - 5, 3), (9, 10), (20, 30))
    )
    encoded = segment.encode(source, destination)
    protocol_number = 6
    pseudo = source + destination + protocol_number.to_bytes(2, "big") + len(encoded).to_bytes(2, "big")
    assert slow_checksum(pseudo + encoded) == 0
    decoded = decode_tcp(encoded, source, destination)
    decoded.payload = bytes(decoded.payload)
    assert decoded == segment


def test_unknown_options_are_skipped_and_malformed_ones_end_the_list() -> None:
    def with_options(options: bytes) -> TcpSegment:
        raw = bytearray(TcpSegment(1, 2, 3, 4, ACK, 5).encode(A, B) + options)
        raw[12] = (5 + len(options) // 4) << 4
        raw[16:18] = b"\0\0"
        raw[16:18] = slow_checksum(A + B + b"\0\x06" + len(raw).to_bytes(2, "big") + raw).to_bytes(2, "big")
        return decode_tcp(bytes(raw), A, B)

    assert with_options(bytes.fromhex("0101080a 00000001 00000002 020401f4")).mss == 500
    assert with_options(bytes.fromhex("02000000")).mss is None
    assert with_options(bytes.fromhex("020801f4")).mss is None
    assert with_options(bytes.fromhex("0303ff00")).window_scale == 14
    assert with_options(bytes.fromhex("01010506 00000001")).sack_blocks == ()


@pytest.mark.parametrize(("source", "destination"), [(A, B), (A6, B6)], ids=["v4", "v6"])
def test_udp_round_trip_and_its_never_zero_checksum(source: bytes, destination: bytes) -> None:
    for value in range(0, 65536, 97):
        encoded = UdpDatagram(value, 53, value.to_bytes(2, "big")).encode(source, destination)
        assert encoded[6:8] != b"\0\0"
        assert decode_udp(encoded, source, destination).source_port == value


def test_udp_without_a_checksum_is_fine_over_ipv4_alone() -> None:
    data = b"\0\x01\0\x02\0\x0a\0\0hi"
    assert bytes(decode_udp(data, A, B).payload) == b"hi"
    with pytest.raises(PeerMisbehaved):
        decode_udp(data, A6, B6)


@pytest.mark.parametrize(("source", "destination"), [(A, B), (A6, B6)], ids=["v4", "v6"])
def test_icmp_round_trip(source: bytes, destination: bytes) -> None:
    for echo in (IcmpEcho(True, 7, 8, b"payload"), IcmpEcho(False, 7, 8, b"")):
        assert decode_icmp(echo.encode(source, destination), source, destination) == echo
    for reason in UnreachableReason:
        error = IcmpError(reason, b"the start of a packet", 1280 if reason is UnreachableReason.PACKET_TOO_BIG else 0)
        assert decode_icmp(error.encode(source, destination), source, destination) == error


def test_icmp_quotes_keep_within_the_least_mtu() -> None:
    assert len(IcmpError(UnreachableReason.PORT, bytes(2000)).encode(A, B)) + 20 == 576
    assert len(IcmpError(UnreachableReason.PORT, bytes(2000)).encode(A6, B6)) + 40 == 1280


def test_prohibition_has_its_well_known_numbers() -> None:
    assert IcmpError(UnreachableReason.ADMINISTRATIVELY_PROHIBITED, b"").encode(A, B)[:2] == bytes((3, 13))
    assert IcmpError(UnreachableReason.ADMINISTRATIVELY_PROHIBITED, b"").encode(A6, B6)[:2] == bytes((1, 1))


def test_ipv6_extension_headers_are_skipped_and_fragments_known() -> None:
    payload = UdpDatagram(1, 2, b"x").encode(A6, B6)
    extended = IpPacket(A6, B6, 0, bytes((60, 0)) + bytes(6) + bytes((17, 0)) + bytes(6) + payload)
    decoded = decode_ip(extended.encode())
    assert (decoded.protocol, bytes(decoded.payload)) == (17, payload)
    fragment = decode_ip(IpPacket(A6, B6, 44, bytes((17, 0, 0, 1, 0, 0, 0, 9)) + payload).encode())
    assert (fragment.is_fragment, fragment.more_fragments, fragment.identification) == (True, True, 9)


def test_ipv4_fragments_options_and_trailing_bytes() -> None:
    fragment = IpPacket(A, B, 17, b"12345678", fragment_offset=1480, more_fragments=True, dont_fragment=False)
    decoded = decode_ip(fragment.encode() + b"link padding")
    assert (decoded.fragment_offset, decoded.more_fragments, bytes(decoded.payload)) == (1480, True, b"12345678")


def test_any_flipped_bit_is_noticed() -> None:
    packet = IpPacket(A, B, 6, TcpSegment(1, 2, 3, 4, ACK, 5, b"payload").encode(A, B)).encode()
    noticed = 0
    for bit in range(8 * len(packet)):
        changed = bytearray(packet)
        changed[bit >> 3] ^= 1 << (bit & 7)
        try:
            ip = decode_ip(bytes(changed))
            decode_tcp(ip.payload, ip.source, ip.destination)
        except PeerMisbehaved:
            noticed += 1
    assert noticed == 8 * len(packet)


@pytest.mark.parametrize("length", range(28))
def test_quotes_that_tell_too_little_are_none(length: int) -> None:
    packet = IpPacket(A, B, 17, UdpDatagram(5, 6, b"").encode(A, B)).encode()
    assert decode_quoted_ip(packet[:length]) is None
    quoted = decode_quoted_ip(packet)
    assert quoted is not None
    assert (quoted.source, quoted.destination, quoted.payload[:4]) == (A, B, bytes((0, 5, 0, 6)))
