"""A stack's UDP, ICMP, taps and errors, between two stacks or one and single packets."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest

from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.netstack import NetworkStack, TcpState, UnreachableReason
from mix_protocol.netstack.errors import (
    AddressInUse,
    ConnectionAborted,
    ConnectTimedOut,
    DatagramTooBig,
    NoSourceAddress,
    SocketClosed,
    Unreachable,
)
from mix_protocol.netstack.link import Link
from mix_protocol.netstack.wire.icmp import IcmpError
from mix_protocol.netstack.wire.ip import ICMP, IpPacket

LEFT, RIGHT, FAR = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2"), IPv4Address("8.8.8.8")
LEFT6, RIGHT6 = IPv6Address("fd00::1"), IPv6Address("fd00::2")


def pair() -> tuple[NetworkStack, NetworkStack, Link]:
    left = NetworkStack(SeededRandom("left"), addresses=[LEFT, LEFT6])
    right = NetworkStack(SeededRandom("right"), addresses=[RIGHT, RIGHT6])
    return left, right, Link(left, right)


@pytest.mark.parametrize("remote", [RIGHT, RIGHT6], ids=["v4", "v6"])
def test_udp_goes_there_and_back(remote: IPv4Address | IPv6Address) -> None:
    left, right, link = pair()
    ours, theirs = left.open_udp(), right.open_udp(53)
    woken: list[bool] = []
    theirs.on_event = lambda: woken.append(True)
    ours.send(b"question", (remote, 53), link.now)
    link.exchange()
    assert woken == [True]
    assert theirs.receivable == 1
    received = theirs.receive()
    assert received is not None
    data, sender = received
    assert (data, sender.port) == (b"question", ours.port)
    theirs.send(b"answer", sender, link.now)
    link.exchange()
    assert ours.receive() == (b"answer", (remote, 53))
    assert ours.receive() is None


@pytest.mark.parametrize("remote", [RIGHT, RIGHT6], ids=["v4", "v6"])
def test_a_closed_udp_port_is_reported_once(remote: IPv4Address | IPv6Address) -> None:
    left, _, link = pair()
    socket = left.open_udp()
    socket.send(b"anybody?", (remote, 99), link.now)
    link.exchange()
    error = socket.take_error()
    assert isinstance(error, Unreachable)
    assert error.fields == {"reason": "port"}
    assert socket.take_error() is None


def test_udp_sockets_have_their_ports_for_themselves() -> None:
    left, _, link = pair()
    socket = left.open_udp(5353)
    with pytest.raises(AddressInUse):
        left.open_udp(5353)
    socket.close()
    with pytest.raises(SocketClosed):
        socket.send(b"x", (RIGHT, 1), link.now)
    left.open_udp(5353)


def test_datagrams_that_do_not_fit_are_refused() -> None:
    left, _, link = pair()
    socket = left.open_udp()
    socket.send(bytes(1472), (RIGHT, 1), link.now)
    with pytest.raises(DatagramTooBig):
        socket.send(bytes(1473), (RIGHT, 1), link.now)
    with pytest.raises(DatagramTooBig):
        socket.send(bytes(70_000), (RIGHT, 1), link.now)


def test_udp_queues_are_bounded() -> None:
    left, right, link = pair()
    theirs, ours = right.open_udp(53), left.open_udp()
    for _ in range(1000):
        ours.send(bytes(1000), (RIGHT, 53), link.now)
        link.exchange()
    assert 100 < theirs.receivable < 300
    while theirs.receive() is not None:
        pass
    ours.send(b"again", (RIGHT, 53), link.now)
    link.exchange()
    assert theirs.receivable == 1


def test_packets_that_nobody_fetches_are_bounded() -> None:
    left, _, link = pair()
    socket = left.open_udp()
    for _ in range(5000):
        socket.send(b"x", (RIGHT, 53), link.now)
    assert len(left.packets_to_send(link.now)) == 1024


def test_a_limit_takes_packets_in_portions_and_connections_in_turns() -> None:
    left, right, link = pair()
    right.listen_tcp(port=80)
    connections = [left.connect_tcp((RIGHT, 80), link.now) for _ in range(3)]
    link.exchange()
    for connection in connections:
        connection.send(bytes(100_000))
    seen = []
    while packets := left.packets_to_send(link.now, limit=4):
        assert len(packets) <= 4
        seen += [int.from_bytes(packet[20:22], "big") for packet in packets]
    assert len(seen) == 30  # three initial windows
    assert len(set(seen[:12])) == 3


def test_the_udp_tap_takes_what_no_socket_claims_for_any_address() -> None:
    left = NetworkStack(SeededRandom(1), addresses=[LEFT])
    router = NetworkStack(SeededRandom(2))
    tap = router.open_udp_tap()
    link = Link(left, router)
    socket = left.open_udp()
    socket.send(b"query", (FAR, 53), link.now)
    link.exchange()
    caught = tap.receive()
    assert caught is not None
    assert (caught.source, caught.destination, caught.payload) == ((LEFT, socket.port), (FAR, 53), b"query")
    assert tap.receive() is None
    tap.send_from(caught.destination, caught.source, b"answer")
    link.exchange()
    assert socket.receive() == (b"answer", (FAR, 53))
    tap.refuse(caught, UnreachableReason.ADMINISTRATIVELY_PROHIBITED)
    link.exchange()
    error = socket.take_error()
    assert error is not None
    assert error.fields == {"reason": "administratively_prohibited"}
    with pytest.raises(AddressInUse):
        router.open_udp_tap()
    tap.close()
    router.open_udp_tap()


@pytest.mark.parametrize("remote", [RIGHT, RIGHT6], ids=["v4", "v6"])
def test_pings_are_answered(remote: IPv4Address | IPv6Address) -> None:
    left, _, link = pair()
    echo = left.open_echo()
    echo.send(remote, 3, b"hello")
    link.exchange()
    reply = echo.receive()
    assert reply is not None
    assert (reply.source, reply.sequence, reply.payload) == (remote, 3, b"hello")


def test_the_echo_tap_takes_pings_for_any_address() -> None:
    left = NetworkStack(SeededRandom(1), addresses=[LEFT])
    router = NetworkStack(SeededRandom(2))
    tap = router.open_echo_tap()
    link = Link(left, router)
    echo = left.open_echo(7)
    echo.send(FAR, 1, b"there?")
    link.exchange()
    request = tap.receive()
    assert request is not None
    assert (request.source, request.destination, request.identifier, request.payload) == (LEFT, FAR, 7, b"there?")
    assert echo.receive() is None
    tap.reply(request)
    tap.refuse(request, UnreachableReason.ADMINISTRATIVELY_PROHIBITED)
    link.exchange()
    reply = echo.receive()
    assert reply is not None
    assert reply.source == FAR


def test_an_address_of_the_other_family_is_a_usage_error() -> None:
    stack = NetworkStack(SeededRandom(1), addresses=[LEFT])
    with pytest.raises(NoSourceAddress):
        stack.connect_tcp((RIGHT6, 80), 0.0)
    with pytest.raises(NoSourceAddress):
        stack.open_udp().send(b"x", (RIGHT6, 80), 0.0)


def test_a_flow_is_opened_once() -> None:
    left, _, link = pair()
    left.connect_tcp((RIGHT, 80), link.now, local=(LEFT, 5000))
    with pytest.raises(AddressInUse):
        left.connect_tcp((RIGHT, 80), link.now, local=(LEFT, 5000))
    left.connect_tcp((RIGHT, 81), link.now, local=(LEFT, 5000))


def unreachable(original: bytes, reason: UnreachableReason, mtu_bytes: int = 0) -> bytes:
    payload = IcmpError(reason, original, mtu_bytes).encode(FAR.packed, LEFT.packed)
    return IpPacket(FAR.packed, LEFT.packed, ICMP, payload).encode()


def test_icmp_ends_an_attempt_to_connect_but_not_a_connection() -> None:
    left, right, link = pair()
    right.listen_tcp(port=80)
    connection = left.connect_tcp((RIGHT, 80), link.now)
    link.exchange()
    connection.send(b"data")
    [data] = left.packets_to_send(link.now)
    left.receive_packet(unreachable(data, UnreachableReason.HOST), link.now)
    assert connection.state is TcpState.ESTABLISHED
    attempt = left.connect_tcp((FAR, 80), link.now)
    [syn] = left.packets_to_send(link.now)
    left.receive_packet(unreachable(syn, UnreachableReason.NETWORK), link.now)
    assert isinstance(attempt.error, Unreachable)


def test_forged_icmp_errors_are_ignored() -> None:
    left, _, link = pair()
    attempt = left.connect_tcp((FAR, 80), link.now)
    [syn] = left.packets_to_send(link.now)
    forged = bytearray(syn)
    forged[24:28] = b"\x12\x34\x56\x78"  # a sequence number that was never sent
    left.receive_packet(unreachable(bytes(forged), UnreachableReason.NETWORK), link.now)
    left.receive_packet(unreachable(b"E" + bytes(60), UnreachableReason.NETWORK), link.now)
    assert attempt.state is TcpState.SYN_SENT


def test_a_path_that_carries_less_gets_shorter_segments() -> None:
    left, right, link = pair()
    listener = right.listen_tcp(port=80)
    connection = left.connect_tcp((RIGHT, 80), link.now)
    link.exchange()
    text = SeededRandom("text")(5000)
    connection.send(text)
    first = left.packets_to_send(link.now)
    assert max(len(packet) for packet in first) == 1500
    left.receive_packet(unreachable(first[0], UnreachableReason.PACKET_TOO_BIG, 1000), link.now)
    again = left.packets_to_send(link.now)
    assert again
    assert max(len(packet) for packet in again) <= 1000
    for packet in again:
        right.receive_packet(packet, link.now)
    accepted = listener.accept()
    assert accepted is not None
    assert link.run(lambda: accepted.receivable == 5000, 10.0)
    assert accepted.receive() == text


def test_the_soft_error_is_told_when_the_connection_times_out() -> None:
    left, right, link = pair()
    right.listen_tcp(port=80)
    connection = left.connect_tcp((RIGHT, 80), link.now)
    link.exchange()
    connection.send(b"into the void")
    [data] = left.packets_to_send(link.now)
    left.receive_packet(unreachable(data, UnreachableReason.HOST), link.now)
    now = link.now
    while connection.state is not TcpState.CLOSED:
        due = left.next_timeout()
        assert due is not None
        now = max(now, due)
        left.handle_timeout(now)
        left.packets_to_send(now)
    assert isinstance(connection.error, Unreachable)


def test_abort_all_tells_every_owner_and_nobody_else() -> None:
    left, right, link = pair()
    right.listen_tcp(port=80)
    connections = [left.connect_tcp((RIGHT, 80), link.now) for _ in range(3)]
    told: list[bool] = []
    for connection in connections:
        connection.on_event = lambda: told.append(True)
    link.exchange()
    told.clear()
    left.abort_all(ConnectTimedOut("the tunnel is gone"))
    assert len(told) == 3
    assert {connection.error.code for connection in connections if connection.error} == {"tcp.connect_timed_out"}
    assert left.packets_to_send(link.now) == []
    assert left.connection_count == 0


def test_output_is_announced() -> None:
    left, right, link = pair()
    right.listen_tcp(port=80)
    calls: list[str] = []
    left.on_output = lambda: calls.append("output")
    connection = left.connect_tcp((RIGHT, 80), link.now)
    assert calls == ["output"]
    assert left.has_output
    link.exchange()
    assert not left.has_output
    for act in (lambda: connection.send(b"x"), connection.close, connection.abort):
        calls.clear()
        act()
        assert calls == ["output"], act
        link.exchange()
    assert isinstance(connection.error, ConnectionAborted)


def test_a_callback_may_use_its_connection() -> None:
    left, right, link = pair()
    listener = right.listen_tcp(port=7)

    def serve() -> None:
        accepted = listener.accept()
        assert accepted is not None

        def echo() -> None:
            if data := accepted.receive():
                accepted.send(data)
            if accepted.at_eof:
                accepted.close()

        accepted.on_event = echo

    listener.on_event = serve
    connection = left.connect_tcp((RIGHT, 7), link.now)
    connection.send(b"echo this")
    connection.close()
    got = bytearray()
    connection.on_event = lambda: got.extend(connection.receive())
    assert link.run(lambda: connection.at_eof, 5.0)
    assert bytes(got) == b"echo this"


def test_packets_carry_no_counter() -> None:
    left, _, link = pair()
    socket = left.open_udp()
    for _ in range(3):
        socket.send(b"x", (RIGHT, 53), link.now)
    left.connect_tcp((RIGHT, 80), link.now)
    assert {packet[4:8] for packet in left.packets_to_send(link.now)} == {bytes((0, 0, 0x40, 0))}


def test_garbage_is_dropped_and_counted() -> None:
    left, _, link = pair()
    for packet in (b"", b"E", bytes(20), bytes(100), b"\x60" + bytes(30), SeededRandom(1)(1500)):
        left.receive_packet(packet, link.now)
    assert left.dropped_packets == 6
    assert left.packets_to_send(link.now) == []


def test_an_mtu_below_what_ip_needs_is_a_usage_error() -> None:
    with pytest.raises(ValueError, match="576"):
        NetworkStack(SeededRandom(1), mtu_bytes=100)
