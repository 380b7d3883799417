"""What goes wrong in one connection, or at one packet, stays there."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.tcp_conversation import raise_again

from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.netstack import NetworkStack, TcpConnection, TcpState
from mix_protocol.netstack.errors import ConnectionCrashed, ConnectionReset
from mix_protocol.netstack.link import Link
from mix_protocol.netstack.tcp import arrival, departure, timeouts
from mix_protocol.netstack.wire.icmp import IcmpEcho, IcmpError, UnreachableReason
from mix_protocol.netstack.wire.ip import ICMP, ICMPV6, TCP, UDP, IpPacket
from mix_protocol.netstack.wire.tcp import TcpSegment
from mix_protocol.netstack.wire.udp import UdpDatagram

LEFT, RIGHT = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")
LEFT6, RIGHT6 = IPv6Address("fd00::1"), IPv6Address("fd00::2")


class Pair:
    """Two stacks with two connections between them."""

    def __init__(self) -> None:
        self.left = NetworkStack(SeededRandom("left"), addresses=[LEFT])
        self.right = NetworkStack(SeededRandom("right"), addresses=[RIGHT])
        self.link = Link(self.left, self.right)
        listener = self.right.listen_tcp(port=80)
        self.first, self.second = (self.left.connect_tcp((RIGHT, 80), self.link.now) for _ in range(2))
        self.link.exchange()
        accepted = [listener.accept(), listener.accept()]
        self.peers = {each.remote.port: each for each in accepted if each is not None}
        self.crashes: list[Exception] = []
        self.left.on_crash = self.crashes.append

    def peer(self, connection: TcpConnection) -> TcpConnection:
        return self.peers[connection.local.port]

    def check_that_only_the_first_ended(self) -> None:
        assert [type(crash) for crash in self.crashes] == [ZeroDivisionError]
        error = self.first.error
        assert isinstance(error, ConnectionCrashed)
        assert error.fields == {"cause": "ZeroDivisionError"}
        assert isinstance(self.peer(self.first).error, ConnectionReset)
        assert self.second.error is None
        self.second.send(b"still here")
        self.link.exchange()
        assert self.peer(self.second).receive() == b"still here"


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (arrival, "segment_arrives"),
        (departure, "next_segment"),
        (timeouts, "handle_timeout"),
    ],
)
def test_a_bug_ends_the_connection_that_met_it(module: object, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = Pair()
    original = getattr(module, name)

    def broken(block: object, *rest: object) -> object:
        if block is pair.first._block and pair.first.error is None:
            raise ZeroDivisionError
        return original(block, *rest)

    pair.first.keep_alive_idle_s = 1.0
    pair.link.exchange()
    monkeypatch.setattr(module, name, broken)
    if name == "next_segment":
        pair.first.send(b"x")
    elif name == "segment_arrives":
        pair.peer(pair.first).send(b"x")
    else:
        pair.left.handle_timeout(pair.link.now + 2.0)
    pair.link.exchange()
    pair.check_that_only_the_first_ended()


def test_a_bug_of_whoever_listens_ends_that_connection() -> None:
    pair = Pair()
    told = count()

    def broken() -> None:
        if next(told) == 0:
            raise ZeroDivisionError

    pair.first.on_event = broken
    pair.peer(pair.first).send(b"x")
    pair.link.exchange()
    pair.check_that_only_the_first_ended()


def test_a_bug_in_a_datagrams_receiver_costs_that_datagram() -> None:
    pair = Pair()
    socket = pair.left.open_udp(53)

    def broken() -> None:
        raise ZeroDivisionError

    socket.on_event = broken
    sender = pair.right.open_udp()
    sender.send(b"x", (LEFT, 53), pair.link.now)
    pair.link.exchange()
    assert [type(crash) for crash in pair.crashes] == [ZeroDivisionError]
    assert pair.left.dropped_packets == 1
    assert pair.first.state is TcpState.ESTABLISHED


def in_fragments(packet: IpPacket, step: int = 1024) -> list[bytes]:
    payload = bytes(packet.payload)
    return [
        IpPacket(
            packet.source,
            packet.destination,
            packet.protocol,
            payload[at : at + step],
            identification=7,
            fragment_offset=at,
            more_fragments=at + step < len(payload),
            dont_fragment=False,
        ).encode()
        for at in range(0, len(payload), step)
    ]


def lone_stack() -> NetworkStack:
    stack = NetworkStack(SeededRandom("lone"), addresses=[LEFT, LEFT6])
    stack.on_crash = raise_again
    return stack


def test_a_ping_longer_than_the_link_is_not_answered() -> None:
    stack = lone_stack()
    ping = IcmpEcho(True, 1, 1, bytes(3000)).encode(RIGHT.packed, LEFT.packed)
    for fragment in in_fragments(IpPacket(RIGHT.packed, LEFT.packed, ICMP, ping)):
        stack.receive_packet(fragment, 0.0)
    assert stack.packets_to_send(0.0) == []


def test_the_longest_datagram_for_nobody_is_refused_and_one_longer_than_ipv4_allows_is_dropped() -> None:
    for length, answers in ((65515 - 8, 1), (65535 - 8, 0)):
        stack = lone_stack()
        datagram = UdpDatagram(5, 6, bytes(length)).encode(RIGHT.packed, LEFT.packed)
        for fragment in in_fragments(IpPacket(RIGHT.packed, LEFT.packed, UDP, datagram)):
            stack.receive_packet(fragment, 0.0)
        assert len(stack.packets_to_send(0.0)) == answers


ADDRESSES = st.sampled_from((LEFT.packed, RIGHT.packed, bytes(4), b"\xff" * 4, b"\xe0\0\0\1"))
ADDRESSES6 = st.sampled_from((LEFT6.packed, RIGHT6.packed, bytes(16), b"\xff" + bytes(15)))
PORTS = st.sampled_from((0, 1, 53, 80, 65535))
LENGTHS = st.sampled_from((0, 1, 8, 100, 1472, 3000, 65507))


@st.composite
def valid_packets(draw: st.DrawFn) -> list[bytes]:
    """A well-formed packet of any kind from and to anywhere, whole or in fragments."""
    addresses = draw(st.sampled_from((ADDRESSES, ADDRESSES6)))
    source, destination = draw(addresses), draw(addresses)
    is_v6 = len(source) == 16
    payload = bytes(draw(LENGTHS))
    kind = draw(st.sampled_from(("udp", "ping", "pong", "error", "tcp", "other")))
    protocol = ICMPV6 if is_v6 else ICMP
    if kind == "udp":
        protocol, data = UDP, UdpDatagram(draw(PORTS), draw(PORTS), payload).encode(source, destination)
    elif kind == "tcp":
        protocol = TCP
        segment = TcpSegment(draw(PORTS), draw(PORTS), 1, 2, draw(st.integers(0, 63)), 100, payload)
        data = segment.encode(source, destination)
    elif kind == "error":
        quoted = IpPacket(
            draw(addresses), draw(addresses), draw(st.sampled_from((TCP, UDP, ICMP))), payload[:600]
        ).encode()
        mtu = draw(st.sampled_from((0, 1, 68, 1280, 65535)))
        data = IcmpError(draw(st.sampled_from(UnreachableReason)), quoted, mtu).encode(source, destination)
    elif kind == "other":
        protocol, data = draw(st.integers(0, 255)), payload
    else:
        data = IcmpEcho(kind == "ping", 1, 1, payload).encode(source, destination)
    packet = IpPacket(source, destination, protocol, data[:65515])
    if is_v6 or draw(st.booleans()):
        return [packet.encode()]
    return in_fragments(packet, draw(st.sampled_from((64, 1024))))


@given(packets=st.lists(valid_packets(), max_size=6), has_sockets=st.booleans())
def test_whatever_well_formed_packets_come(packets: list[list[bytes]], has_sockets: bool) -> None:
    stack = lone_stack()
    if has_sockets:
        stack.open_udp(53)
        stack.listen_tcp(port=80)
        stack.open_echo(1)
    for fragments in packets:
        for packet in fragments:
            stack.receive_packet(packet, 1.0)
        assert all(len(packet) <= stack.mtu_bytes for packet in stack.packets_to_send(1.0))


def test_what_a_peer_does_wrong_is_no_crash() -> None:
    stack = lone_stack()
    stack.receive_packet(b"\x45" + bytes(19), 0.0)
    assert stack.dropped_packets == 1
