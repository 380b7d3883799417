"""Passive opens through a stack's listeners, and what a router needs: any address, and SYNs that are held."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address

import pytest
from support.tcp_conversation import ACK, PEERS, RST, SYN, TcpConversation

from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.netstack import ConnectionRequested, NetworkStack, TcpConfig, TcpListener, TcpState, UnreachableReason
from mix_protocol.netstack.errors import (
    AddressInUse,
    ConnectionAborted,
    ConnectionRefused,
    ConnectionReset,
    Unreachable,
)
from mix_protocol.netstack.link import Link
from mix_protocol.netstack.wire.ip import TCP, IpPacket
from mix_protocol.netstack.wire.tcp import TcpSegment

CLIENT = IPv4Address("10.0.0.1")
FAR = IPv4Address("93.184.216.34")


def router() -> tuple[NetworkStack, NetworkStack, Link, TcpListener]:
    """A client, and a router that takes connections to anywhere."""
    client = NetworkStack(SeededRandom("client"), addresses=[CLIENT])
    gateway = NetworkStack(SeededRandom("router"))
    listener = gateway.listen_tcp(promiscuous=True, hold=True)
    return client, gateway, Link(client, gateway), listener


def requested(listener: TcpListener) -> ConnectionRequested:
    request = listener.next_event()
    assert request is not None
    return request


def test_a_held_syn_is_answered_when_it_is_accepted() -> None:
    client, _, link, listener = router()
    woken: list[bool] = []
    listener.on_event = lambda: woken.append(True)
    connection = client.connect_tcp((FAR, 443), link.now)
    link.exchange()
    request = requested(listener)
    assert woken == [True]
    assert (request.local, request.remote) == ((FAR, 443), connection.local)
    assert listener.next_event() is None
    link.run_for(10.0)
    assert connection.state is TcpState.SYN_SENT
    assert listener.next_event() is None  # repeated SYNs are the same request
    accepted = request.accept(link.now)
    accepted.send(b"from afar")
    assert link.run(lambda: connection.receivable == 9, 1.0)
    assert accepted.local == (FAR, 443)
    assert connection.remote == (FAR, 443)
    assert (accepted.state, connection.state) == (TcpState.ESTABLISHED, TcpState.ESTABLISHED)


def test_a_refused_syn_fails_at_once() -> None:
    client, gateway, link, listener = router()
    connection = client.connect_tcp((FAR, 443), link.now)
    link.exchange()
    requested(listener).refuse(link.now)
    link.exchange()
    assert isinstance(connection.error, ConnectionRefused)
    assert gateway.connection_count == 0


@pytest.mark.parametrize("reason", [UnreachableReason.ADMINISTRATIVELY_PROHIBITED, UnreachableReason.HOST])
def test_a_syn_can_be_refused_by_icmp(reason: UnreachableReason) -> None:
    client, _, link, listener = router()
    connection = client.connect_tcp((FAR, 443), link.now)
    link.exchange()
    requested(listener).refuse(link.now, reason)
    link.exchange()
    assert isinstance(connection.error, Unreachable)
    assert connection.error.fields == {"reason": reason.value}


def test_a_client_that_gives_up_withdraws_its_request() -> None:
    talk = TcpConversation()
    listener = talk.listen(hold=True)
    talk.hear(SYN, 0)
    request = requested(listener)
    told: list[str] = []
    request.on_given_up = lambda: told.append("given up")
    talk.hear(RST, 1)
    assert not request.is_pending
    talk.hear(RST, 1)
    assert told == ["given up"]
    connection = request.accept(talk.now)
    assert connection.state is TcpState.CLOSED
    assert isinstance(connection.error, ConnectionReset)
    request.refuse(talk.now)
    talk.silence()


def test_a_new_syn_of_the_same_flow_replaces_the_request() -> None:
    talk = TcpConversation()
    listener = talk.listen(hold=True)
    talk.hear(SYN, 0)
    former = requested(listener)
    told: list[str] = []
    former.on_given_up = lambda: told.append("given up")
    talk.hear(SYN, 9000)
    assert told == ["given up"]
    request = requested(listener)
    request.on_given_up = former.on_given_up
    assert listener.next_event() is None
    request.accept(talk.now)
    talk.expect(SYN | ACK, ack=9001)
    assert told == ["given up"]


def test_what_has_to_do_with_an_address_is_forgotten_without_a_word() -> None:
    talk = TcpConversation()
    talk.establish()
    talk.connection.send(b"late")
    talk.stack.forget_peer(talk.connection.remote.address)
    assert isinstance(talk.connection.error, ConnectionAborted)
    talk.silence()
    talk.wait(300.0)
    talk.silence()
    assert talk.stack.connection_count == 0


def test_unanswered_requests_are_bounded_and_expire() -> None:
    talk = TcpConversation(TcpConfig(connect_timeout_s=60.0))
    listener = talk.listen(hold=True)
    listener.backlog = 3
    for port in range(6000, 6010):
        talk.peer_port = port
        talk.hear(SYN, 0)
    talk.silence()
    requests = [requested(listener) for _ in range(3)]
    assert listener.next_event() is None
    talk.wait(61.0)
    talk.hear(SYN, 0)
    assert requested(listener).remote.port == 6009
    assert not any(request.is_pending for request in requests)


def test_half_open_connections_are_bounded() -> None:
    talk = TcpConversation()
    listener = talk.listen()
    listener.backlog = 5
    for port in range(6000, 6100):
        talk.peer_port = port
        talk.hear(SYN, 0)
    assert talk.stack.connection_count == 5
    for _ in range(20):
        talk.wait_for_timeout()
        talk.say()
    assert talk.stack.connection_count == 0
    talk.hear(SYN, 0)
    assert talk.stack.connection_count == 1


def test_one_listener_a_port_and_the_most_particular_one_wins() -> None:
    talk = TcpConversation()
    anything = talk.stack.listen_tcp()
    particular = talk.listen(port=4000)
    with pytest.raises(AddressInUse):
        talk.stack.listen_tcp(port=4000)
    for port in (4000, 4001):
        talk.our_port, talk.our_iss = port, None
        talk.hear(SYN, 0)
        talk.expect(SYN | ACK)
        talk.hear(ACK, 1, 1)
    first, second = particular.accept(), anything.accept()
    assert first is not None
    assert second is not None
    assert (first.local.port, second.local.port) == (4000, 4001)


def test_a_listener_that_is_not_promiscuous_ignores_other_addresses() -> None:
    client = NetworkStack(SeededRandom("client"), addresses=[CLIENT])
    server = NetworkStack(SeededRandom("server"), addresses=[PEERS])
    server.listen_tcp()
    link = Link(client, server)
    connection = client.connect_tcp((FAR, 80), link.now)
    link.run_for(1.0)
    assert connection.state is TcpState.SYN_SENT
    assert server.connection_count == 0


def test_a_router_resets_segments_of_flows_it_has_forgotten() -> None:
    client, gateway, link, listener = router()
    connection = client.connect_tcp((FAR, 443), link.now)
    link.exchange()
    requested(listener).accept(link.now)
    link.exchange()
    gateway.abort_all()
    link.exchange()
    assert connection.error is None
    connection.send(b"still there?")
    link.exchange()
    assert isinstance(connection.error, ConnectionReset)


def test_closing_a_listener_refuses_what_waits() -> None:
    talk = TcpConversation()
    listener = talk.listen(hold=True)
    talk.hear(SYN, 0)
    request = requested(listener)
    listener.close()
    assert not request.is_pending
    talk.expect(RST | ACK)
    talk.hear(SYN, 0)
    talk.expect(RST | ACK)
    talk.listen(port=4000)


def test_closing_a_listener_resets_connections_nobody_took_but_not_the_others() -> None:
    talk = TcpConversation()
    listener = talk.listen()
    talk.hear(SYN, 0)
    talk.say()
    talk.hear(ACK, 1, 1)
    taken = listener.accept()
    assert taken is not None
    talk.peer_port, talk.our_iss = 6001, None
    talk.hear(SYN, 0)
    talk.say()
    talk.hear(ACK, 1, 1)
    listener.close()
    talk.expect(RST | ACK)
    assert taken.state is TcpState.ESTABLISHED


@pytest.mark.parametrize("address", ["224.0.0.1", "255.255.255.255", "0.0.0.0", "ff02::1", "::"])
def test_tcp_is_between_two_hosts(address: str) -> None:
    gateway = NetworkStack(SeededRandom("router"))
    listener = gateway.listen_tcp(promiscuous=True, hold=True)
    other = ip_address(address)
    host = ip_address("10.0.0.1" if other.version == 4 else "fd00::1")
    for source, destination in ((host, other), (other, host)):
        syn = TcpSegment(1000, 80, 1, 0, SYN, 65535).encode(source.packed, destination.packed)
        gateway.receive_packet(IpPacket(source.packed, destination.packed, TCP, syn).encode(), 0.0)
    assert listener.next_event() is None
    assert gateway.packets_to_send(0.0) == []
