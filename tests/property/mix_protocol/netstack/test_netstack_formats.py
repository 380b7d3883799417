"""Any bytes into any parser: a value or PeerMisbehaved. Any value through a format: itself again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.netstack import NetworkStack
from mix_protocol.netstack.wire.checksum import complement, ones_complement_sum
from mix_protocol.netstack.wire.icmp import IcmpEcho, decode_icmp
from mix_protocol.netstack.wire.ip import IpPacket, decode_ip, decode_quoted_ip
from mix_protocol.netstack.wire.tcp import TcpSegment, decode_tcp
from mix_protocol.netstack.wire.udp import UdpDatagram, decode_udp

ADDRESSES = st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16)
PAIRS = st.tuples(st.binary(min_size=4, max_size=4), st.binary(min_size=4, max_size=4)) | st.tuples(
    st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16)
)
Decode = Callable[[bytes, bytes, bytes], object]
U16 = st.integers(0, 0xFFFF)
U32 = st.integers(0, 0xFFFFFFFF)


def with_valid_checksum(data: bytes, at: int) -> bytes:
    """Make the checksum right (over data alone), so that a parser goes on to what is behind it."""
    if len(data) < at + 2:
        return data
    changed = bytearray(data)
    changed[at : at + 2] = b"\0\0"
    changed[at : at + 2] = complement(ones_complement_sum(changed)).to_bytes(2, "big")
    return bytes(changed)


@given(data=st.binary(max_size=200), pair=PAIRS)
@pytest.mark.parametrize("decode", [decode_tcp, decode_udp, decode_icmp])
def test_random_payloads(
    decode: Callable[[bytes, bytes, bytes], object], data: bytes, pair: tuple[bytes, bytes]
) -> None:
    with contextlib.suppress(PeerMisbehaved):
        decode(data, *pair)


@given(data=st.binary(max_size=200))
@example(data=b"\x4f" + bytes(59))
@example(data=b"\x60" + bytes(39))
def test_random_packets(data: bytes) -> None:
    for packet in (data, with_valid_checksum(data, 10), b"\x45" + data, b"\x60" + data):
        decode_quoted_ip(packet)
        try:
            decoded = decode_ip(packet)
        except PeerMisbehaved:
            continue
        assert len(decoded.payload) <= len(packet)


@given(options=st.binary(max_size=40).map(lambda data: data[: len(data) // 4 * 4]), payload=st.binary(max_size=20))
def test_random_tcp_options_with_a_right_checksum(options: bytes, payload: bytes) -> None:
    a, b = b"\x0a\0\0\1", b"\x0a\0\0\2"
    raw = bytearray(TcpSegment(1, 2, 3, 4, 0x12, 5).encode(a, b) + options + payload)
    raw[12] = (5 + len(options) // 4) << 4
    raw[16:18] = b"\0\0"
    total = ones_complement_sum(a + b) + 6 + len(raw) + ones_complement_sum(raw)
    raw[16:18] = complement(total).to_bytes(2, "big")
    decoded = decode_tcp(bytes(raw), a, b)
    assert bytes(decoded.payload) == payload
    assert len(decoded.sack_blocks) <= 4


@given(packets=st.lists(st.binary(max_size=120), max_size=20), ports=st.booleans())
def test_a_stack_survives_any_packets(packets: list[bytes], ports: bool) -> None:
    stack = NetworkStack(SeededRandom(1), addresses=["10.0.0.1", "fd00::1"])
    stack.listen_tcp(promiscuous=True, hold=ports)
    if ports:
        stack.open_udp_tap()
        stack.open_echo_tap()
    local, remote = b"\x0a\0\0\1", b"\x0a\0\0\2"
    for data in packets:
        stack.receive_packet(data, 0.0)
        for protocol, at in ((6, 16), (17, 6), (1, 2)):
            stack.receive_packet(IpPacket(remote, local, protocol, with_valid_checksum(data, at)).encode(), 0.0)
        stack.receive_packet(IpPacket(bytes(16), b"\xfd" + bytes(14) + b"\1", 58, data).encode(), 0.0)
    stack.packets_to_send(1.0)
    stack.handle_timeout(100.0)
    stack.packets_to_send(100.0)


@given(
    pair=PAIRS, protocol=st.sampled_from((1, 6, 17, 58, 132)), hops=st.integers(0, 255), payload=st.binary(max_size=99)
)
def test_ip_round_trip(pair: tuple[bytes, bytes], protocol: int, hops: int, payload: bytes) -> None:
    decoded = decode_ip(IpPacket(*pair, protocol, payload, hops).encode())
    assert (decoded.source, decoded.destination) == pair
    assert (decoded.protocol, decoded.hop_limit, bytes(decoded.payload)) == (protocol, hops, payload)


@given(
    pair=PAIRS,
    ports=st.tuples(U16, U16),
    numbers=st.tuples(U32, U32),
    flags=st.integers(0, 63),
    window=U16,
    payload=st.binary(max_size=99),
    sacks=st.lists(st.tuples(U32, U32), max_size=3).map(tuple),
    syn=st.tuples(st.none() | U16, st.none() | st.integers(0, 14), st.booleans()),
)
def test_tcp_round_trip(
    pair: tuple[bytes, bytes],
    ports: tuple[int, int],
    numbers: tuple[int, int],
    flags: int,
    window: int,
    payload: bytes,
    sacks: tuple[tuple[int, int], ...],
    syn: tuple[int | None, int | None, bool],
) -> None:
    segment = TcpSegment(*ports, *numbers, flags, window, payload, sack_blocks=sacks)
    if flags & 2:
        segment.sack_blocks = ()
        segment.mss, segment.window_scale, segment.sack_permitted = syn
    decoded = decode_tcp(segment.encode(*pair), *pair)
    decoded.payload = bytes(decoded.payload)
    assert decoded == segment


@given(pair=PAIRS, ports=st.tuples(U16, U16), payload=st.binary(max_size=99))
def test_udp_round_trip(pair: tuple[bytes, bytes], ports: tuple[int, int], payload: bytes) -> None:
    decoded = decode_udp(UdpDatagram(*ports, payload).encode(*pair), *pair)
    assert (decoded.source_port, decoded.destination_port, bytes(decoded.payload)) == (*ports, payload)


@given(pair=PAIRS, request=st.booleans(), numbers=st.tuples(U16, U16), payload=st.binary(max_size=99))
def test_echo_round_trip(pair: tuple[bytes, bytes], request: bool, numbers: tuple[int, int], payload: bytes) -> None:
    echo = IcmpEcho(request, *numbers, payload)
    assert decode_icmp(echo.encode(*pair), *pair) == echo
