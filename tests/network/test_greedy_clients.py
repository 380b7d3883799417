"""One client of an exit does its worst, and a newcomer is served at once all the same."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable

import dns.message
import pytest
from support.waiting import until

from mix_network.exit import hosts_resolver
from mix_network.exit.hosts_resolver import HostsResolver
from mix_network.exit.nat.flow import FlowTable
from mix_network.exit.nat.nat import UserspaceNat
from mix_network.exit.policy import ExitPolicy
from mix_protocol.netstack.wire.icmp import IcmpEcho
from mix_protocol.netstack.wire.ip import ICMP, TCP, UDP, IpPacket, pack_address
from mix_protocol.netstack.wire.tcp import SYN, TcpSegment
from mix_protocol.netstack.wire.udp import UdpDatagram

GREEDY = (pack_address("10.0.0.66"), pack_address("fc00::42"))
NEWCOMER = pack_address("10.0.0.7")
LOOPBACK = {4: pack_address("127.0.0.1"), 16: pack_address("::1")}
AT_ONCE_S = 5.0
"""The rule says a second; this says that it is no multiple of the time-outs, on a busy machine too."""
FLOOD = 3000


class Exit:
    """A NAT, driven as the exit's service does."""

    def __init__(self, resolver: HostsResolver | None) -> None:
        self._loop = asyncio.get_running_loop()
        self.nat = UserspaceNat(
            os.urandom,
            policy=ExitPolicy.open(allow_loopback=True),
            resolver=resolver,
            clock=self._loop.time,
            on_output=lambda: None,
            flows=FlowTable(max_flows=128),
        )

    def send(self, source: bytes, protocol: int, payload: bytes, destination: bytes | None = None) -> None:
        packet = IpPacket(source, destination or LOOPBACK[len(source)], protocol, payload).encode()
        self.nat.receive_packet(packet, self._loop.time())

    def syn(self, source: bytes, source_port: int, port: int) -> None:
        to = LOOPBACK[len(source)]
        self.send(source, TCP, TcpSegment(source_port, port, 1, 0, SYN, 65535).encode(source, to))

    def datagram(self, source: bytes, source_port: int, port: int, data: bytes = b"x") -> None:
        self.send(source, UDP, UdpDatagram(source_port, port, data).encode(source, LOOPBACK[len(source)]))

    async def answer_to(self, client: bytes, protocol: int) -> IpPacket:
        """The next packet of this protocol to a client."""
        async with asyncio.timeout(AT_ONCE_S):
            while True:
                if (due := self.nat.next_timeout()) is not None and due <= self._loop.time():
                    self.nat.handle_timeout(self._loop.time())
                for packet in self.nat.packets_to_send(self._loop.time()):
                    if packet[9] == protocol and packet[16:20] == client:
                        return packet
                await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def exit_with(resolver: HostsResolver | None = None) -> AsyncIterator[Exit]:
    made = Exit(resolver)
    try:
        yield made
    finally:
        await made.nat.close()
        assert len(made.nat.flows) == 0


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server that takes connections and says nothing."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture
def udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        yield server.getsockname()[1]


@pytest.fixture
def blackhole() -> int:
    """A port where connections are neither taken nor refused: its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(listener.getsockname())
        yield listener.getsockname()[1]


async def assert_connects(running: Exit, port: int) -> None:
    for source_port in (1000, 1001, 1002):
        running.syn(NEWCOMER, source_port, port)
        packet = await running.answer_to(NEWCOMER, TCP)
        assert packet[33] == 0x12, "SYN and ACK"


def hangs(running: Exit, port: int, udp_port: int, blackhole: int) -> None:
    for number in range(FLOOD):
        running.syn(GREEDY[number % 2], 2000 + number, blackhole)


def stays_idle(running: Exit, port: int, udp_port: int, blackhole: int) -> None:
    for number in range(FLOOD):
        running.syn(GREEDY[0], 2000 + number, port)


def sends_datagrams(running: Exit, port: int, udp_port: int, blackhole: int) -> None:
    for number in range(FLOOD):
        running.datagram(GREEDY[0], 2000 + number, udp_port)


def pings(running: Exit, port: int, udp_port: int, blackhole: int) -> None:
    for number in range(FLOOD):
        echo = IcmpEcho(True, number, 1, b"ping" * 4).encode(GREEDY[0], LOOPBACK[4])
        running.send(GREEDY[0], ICMP, echo)


def is_refused(running: Exit, port: int, udp_port: int, blackhole: int) -> None:
    somewhere = pack_address("192.168.1.1")
    for number in range(FLOOD):
        datagram = UdpDatagram(2000, 1 + number, b"x").encode(GREEDY[0], somewhere)
        running.send(GREEDY[0], UDP, datagram, somewhere)


@pytest.mark.parametrize("attack", [hangs, stays_idle, sends_datagrams, pings, is_refused])
async def test_a_newcomer_connects_at_once_while_one_client(
    attack: Callable[[Exit, int, int, int], None], port: int, udp_port: int, blackhole: int
):
    async with exit_with() as running:
        running.datagram(NEWCOMER, 500, udp_port)
        attack(running, port, udp_port, blackhole)
        await assert_connects(running, port)
        attack(running, port, udp_port, blackhole)
        await assert_connects(running, port)
        # Nothing of the newcomer's has ended for it.
        mine = {flow.key.protocol for flow in running.nat.flows.of_client(NEWCOMER)}
        assert mine == {"tcp", "udp"}


async def test_many_clients_that_take_all_flows_keep_a_newcomer_out_no_more(port: int, blackhole: int):
    async with exit_with() as running:
        for client in range(8):
            for number in range(64):
                running.syn(bytes((10, 0, 1, client)), 2000 + number, blackhole)
        assert len(running.nat.flows) == 128
        await assert_connects(running, port)


@pytest.mark.parametrize("over_tcp", [False, True])
async def test_names_are_looked_up_for_a_newcomer_while_one_client_asks_for_many_that_hang(
    monkeypatch: pytest.MonkeyPatch, over_tcp: bool
):
    ended = threading.Event()

    def look_up(name: str, *arguments: object) -> list[tuple[object, ...]]:
        if name != "quick.test":
            ended.wait(60)
        return [(None, None, None, "", ("192.0.2.1", 0))]

    monkeypatch.setattr(hosts_resolver.socket, "getaddrinfo", look_up)
    resolver = HostsResolver({}, "system")
    async with exit_with(resolver) as running:
        for number in range(500):
            query = dns.message.make_query(f"slow{number}.test", "A").to_wire()
            running.datagram(GREEDY[0], 2000 + number, 53, query)
        if over_tcp:
            asking = [asyncio.create_task(resolver.answer(query, 65535, client=66)) for _ in range(500)]
        await asyncio.sleep(0.05)
        query = dns.message.make_query("quick.test", "A")
        started = time.monotonic()
        running.datagram(NEWCOMER, 999, 53, query.to_wire())
        answer = await running.answer_to(NEWCOMER, UDP)
        assert time.monotonic() - started < AT_ONCE_S
        assert dns.message.from_wire(answer[28:]).answer[0][0].to_text() == "192.0.2.1"
        ended.set()
        if over_tcp:
            await asyncio.gather(*asking)


async def test_idle_connections_to_the_resolver_end(monkeypatch: pytest.MonkeyPatch):
    async with exit_with(HostsResolver({})) as running:
        running.syn(NEWCOMER, 1000, 53)
        await running.answer_to(NEWCOMER, TCP)
        assert len(running.nat.flows) == 1
        running.nat.flows.end_idle(asyncio.get_running_loop().time() + 31)
        await until(lambda: len(running.nat.flows) == 0)


async def test_a_flood_that_ends_a_flow_for_each_new_one_costs_no_more_the_longer_it_lasts(blackhole: int):
    """Between two turns of the event loop no task ends; nothing may look at all of those that wait to."""
    async with exit_with() as running:
        now = asyncio.get_running_loop().time()
        took = []
        for _ in range(4):
            started = time.process_time()
            for number in range(2500):
                now += 0.1  # by then the oldest flow is idle
                segment = TcpSegment(2000 + number, blackhole, 1, 0, SYN, 65535).encode(GREEDY[0], LOOPBACK[4])
                running.nat.receive_packet(IpPacket(GREEDY[0], LOOPBACK[4], TCP, segment).encode(), now)
            took.append(time.process_time() - started)
        assert len(running.nat.flows) == 32
        assert took[-1] < 2 * took[0] + 0.3
