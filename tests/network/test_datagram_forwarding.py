"""UDP and ping through the NAT's forwarders and real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from ipaddress import ip_address

import dns.message
import pytest
from support.ports import closed_udp_port
from support.waiting import until

from mix_network.exit.hosts_resolver import HostsResolver
from mix_network.exit.nat import icmp, udp
from mix_network.exit.nat.flow import FlowTable
from mix_network.exit.nat.icmp import PingForwarder
from mix_network.exit.nat.link import NatLink
from mix_network.exit.nat.udp import UdpForwarder
from mix_network.exit.policy import ExitPolicy
from mix_protocol.netstack.wire.icmp import IcmpEcho, IcmpError, UnreachableReason, decode_icmp
from mix_protocol.netstack.wire.ip import ICMP, UDP, IpPacket, decode_ip, pack_address
from mix_protocol.netstack.wire.udp import UdpDatagram, decode_udp

CLIENT = pack_address("10.0.7.7")
LOOPBACK = pack_address("127.0.0.1")


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Bench:
    """Both forwarders, what they send to clients, and a clock that the test moves."""

    clock: Clock = field(default_factory=Clock)
    sent: list[bytes] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    resolver: HostsResolver | None = None
    allow_loopback: bool = True

    def __post_init__(self) -> None:
        self.link = NatLink(
            self.sent.append,
            lambda: None,
            self.clock,
            ExitPolicy.open(allow_loopback=self.allow_loopback),
            self.resolver,
            1500,
            lambda client, destination: self.refused.append(destination),
            FlowTable(max_flows=4, max_client_flows=3),
        )
        self.udp = UdpForwarder(self.link)
        self.ping = PingForwarder(self.link)

    def send_udp(self, data: bytes, port: int, *, source_port: int = 5000, to: bytes = LOOPBACK) -> bytes:
        packet = IpPacket(CLIENT, to, UDP, UdpDatagram(source_port, port, data).encode(CLIENT, to)).encode()
        self.udp.receive_packet(packet, decode_ip(packet), self.clock.now)
        return packet

    def send_ping(self, sequence: int, *, to: bytes = LOOPBACK) -> None:
        echo = IcmpEcho(True, 77, sequence, b"ping" * 4)
        packet = IpPacket(CLIENT, to, ICMP, echo.encode(CLIENT, to)).encode()
        self.ping.receive_packet(packet, decode_ip(packet), self.clock.now)

    async def next_packet(self) -> IpPacket:
        await until(lambda: self.sent)
        return decode_ip(self.sent.pop(0))

    async def next_datagram(self) -> UdpDatagram:
        packet = await self.next_packet()
        assert (packet.protocol, packet.source, packet.destination) == (UDP, LOOPBACK, CLIENT)
        return decode_udp(packet.payload, packet.source, packet.destination)

    async def next_icmp(self) -> IcmpEcho | IcmpError | None:
        packet = await self.next_packet()
        assert packet.destination == CLIENT
        return decode_icmp(packet.payload, packet.source, packet.destination)

    async def close(self) -> None:
        await self.udp.close()
        for flow in self.link.flows.all():
            flow.abort()
        assert len(self.link.flows) == 0


@contextlib.asynccontextmanager
async def bench(**options: object) -> AsyncIterator[Bench]:
    made = Bench(**options)
    try:
        yield made
    finally:
        await made.close()


class Echo(asyncio.DatagramProtocol):
    """Answers each datagram with itself, a number of times."""

    def __init__(self) -> None:
        self.peers: list[tuple[str, int]] = []

    def connection_made(self, transport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self.peers.append(address)
        self.transport.sendto(data, address)


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
    protocol.port = transport.get_extra_info("sockname")[1]
    yield protocol
    transport.close()


async def test_datagrams_go_out_from_127_0_0_2_and_come_back(echo: Echo):
    async with bench() as nat:
        nat.send_udp(b"one", echo.port)
        nat.send_udp(b"two", echo.port)
        for expected in (b"one", b"two"):
            datagram = await nat.next_datagram()
            assert (datagram.source_port, datagram.destination_port) == (echo.port, 5000)
            assert bytes(datagram.payload) == expected
        assert {host for host, _ in echo.peers} == {"127.0.0.2"}
        assert len(set(echo.peers)) == 1
        assert nat.link.flows.counts() == {"tcp": 0, "udp": 1, "icmp": 0}


async def test_each_client_port_is_a_flow_of_its_own(echo: Echo):
    async with bench() as nat:
        nat.send_udp(b"a", echo.port, source_port=1)
        nat.send_udp(b"b", echo.port, source_port=2)
        answers = {(await nat.next_datagram()).destination_port for _ in range(2)}
        assert answers == {1, 2}
        assert len(set(echo.peers)) == 2


async def test_idle_flows_end_and_used_ones_stay(echo: Echo):
    async with bench() as nat:
        nat.send_udp(b"a", echo.port, source_port=1)
        nat.send_udp(b"b", echo.port, source_port=2)
        nat.clock.now += udp.IDLE_S - 1
        nat.send_udp(b"c", echo.port, source_port=2)
        nat.clock.now += 1
        nat.link.flows.end_idle(nat.clock.now)
        assert [flow.key.client[1] for flow in nat.link.flows.all()] == [2]


async def test_a_clients_least_used_flow_makes_room(echo: Echo):
    async with bench() as nat:
        for port in (1, 2, 3, 1, 4):
            nat.send_udp(b"x", echo.port, source_port=port)
            nat.clock.now += 1
        assert {flow.key.client[1] for flow in nat.link.flows.all()} == {3, 1, 4}


async def test_a_large_datagram_comes_in_fragments(echo: Echo):
    async with bench() as nat:
        body = bytes(range(256)) * 12
        flow_key = nat.send_udp(b"open", echo.port)
        assert flow_key
        await nat.next_packet()
        (flow,) = nat.link.flows.all()
        echo.transport.sendto(body, flow._socket.getsockname())
        await until(lambda: len(nat.sent) == 3)
        packets = [decode_ip(packet) for packet in nat.sent]
        assert len(packets) == 3
        assert all(len(packet) <= 1500 for packet in nat.sent)
        assert [packet.more_fragments for packet in packets] == [True, True, False]
        assert len({packet.identification for packet in packets}) == 1
        whole = b"".join(bytes(packet.payload) for packet in packets)
        assert packets[1].fragment_offset == len(packets[0].payload)
        assert bytes(decode_udp(whole, LOOPBACK, CLIENT).payload) == body


async def test_a_closed_port_is_reported(echo: Echo):
    with closed_udp_port() as port:
        async with bench() as nat:
            original = nat.send_udp(b"knock", port)
            report = await nat.next_icmp()
            assert isinstance(report, IcmpError)
            assert report.reason is UnreachableReason.PORT
            assert original.startswith(report.original[:28])


async def test_the_policy_refuses_and_tells():
    async with bench(allow_loopback=False) as nat:
        nat.send_udp(b"x", 53)
        nat.send_udp(b"x", 5353, to=pack_address("192.168.1.1"))
        for _ in range(2):
            report = await nat.next_icmp()
            assert isinstance(report, IcmpError)
            assert report.reason is UnreachableReason.ADMINISTRATIVELY_PROHIBITED
        assert nat.refused == ["127.0.0.1:53", "192.168.1.1:5353"]
        assert len(nat.link.flows) == 0


async def test_dns_is_answered_for_any_resolver_address_without_a_flow():
    resolver = HostsResolver({"demo.test": [ip_address("127.0.0.1")]})
    async with bench(resolver=resolver, allow_loopback=False) as nat:
        query = dns.message.make_query("demo.test", "A")
        anywhere = pack_address("192.168.250.250")
        nat.send_udp(query.to_wire(), 53, to=anywhere)
        packet = await nat.next_packet()
        assert (packet.source, packet.destination) == (anywhere, CLIENT)
        datagram = decode_udp(packet.payload, packet.source, packet.destination)
        assert (datagram.source_port, datagram.destination_port) == (53, 5000)
        response = dns.message.from_wire(bytes(datagram.payload))
        assert query.is_response(response)
        assert response.answer[0].to_text().endswith("127.0.0.1")
        nat.send_udp(b"garbage", 53, to=anywhere)
        assert len(nat.link.flows) == 0


async def test_malformed_datagrams_are_dropped():
    async with bench() as nat:
        for payload in (b"", b"short", bytes(8), UdpDatagram(1, 2, b"x").encode(LOOPBACK, LOOPBACK)):
            packet = IpPacket(CLIENT, LOOPBACK, UDP, payload).encode()
            nat.udp.receive_packet(packet, decode_ip(packet), 0.0)
        assert nat.sent == []


def ping_sockets_work() -> bool:
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP).close()
    except PermissionError:
        return False
    return True


async def test_pings_are_answered_or_politely_refused(caplog: pytest.LogCaptureFixture):
    async with bench() as nat:
        with caplog.at_level(logging.WARNING):
            nat.send_ping(1)
            nat.send_ping(2)
            answers = [await nat.next_icmp() for _ in range(2)]
        if ping_sockets_work():
            assert answers == [IcmpEcho(False, 77, sequence, b"ping" * 4) for sequence in (1, 2)]
            assert nat.link.flows.counts()["icmp"] == 1
            nat.clock.now += icmp.IDLE_S
            nat.link.flows.end_idle(nat.clock.now)
        else:
            assert all(answer.reason is UnreachableReason.ADMINISTRATIVELY_PROHIBITED for answer in answers)
            assert len(caplog.records) == 1
            assert "ping_group_range" in caplog.text
        assert len(nat.link.flows) == 0


class RefusingSocket(socket.socket):
    """What a system without unprivileged ping does."""

    def __init__(self, *args: int) -> None:
        if args[2:] == (socket.IPPROTO_ICMP,):
            raise PermissionError(errno.EACCES, "Permission denied")
        super().__init__(*args)


async def test_a_system_that_refuses_pings_is_told_of_once(monkeypatch, caplog):
    monkeypatch.setattr(icmp.socket, "socket", RefusingSocket)
    async with bench() as nat:
        with caplog.at_level(logging.WARNING):
            for sequence in range(3):
                nat.send_ping(sequence)
        for _ in range(3):
            report = await nat.next_icmp()
            assert report.reason is UnreachableReason.ADMINISTRATIVELY_PROHIBITED
        assert len(caplog.records) == 1


async def test_the_policy_refuses_pings_too():
    async with bench(allow_loopback=False) as nat:
        nat.send_ping(1)
        report = await nat.next_icmp()
        assert report.reason is UnreachableReason.ADMINISTRATIVELY_PROHIBITED
        assert nat.refused == ["127.0.0.1:0"]
