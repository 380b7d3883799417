"""The outgoing side, on connections of which the test decides how much they take."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

import pytest
from support.waiting import until

from mix_network.metrics import NodeMetrics
from mix_network.mixnode import outgoing
from mix_network.mixnode.outgoing import Outgoing, OutgoingLimits
from mix_network.network_view import NetworkView
from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.mixwire.frames import FrameDecoder
from mix_protocol.sphinx.geometry import PacketSize

PEER = NodeAddress(ip_address("192.0.2.1"), 1789)
OTHER = NodeAddress(ip_address("192.0.2.2"), 1789)
STRANGER = NodeAddress(ip_address("192.0.2.3"), 1789)
ROTATION = KeyRotation.ODD
LIMITS = OutgoingLimits(queue_packets=20, queue_bytes=80_000, backoff_initial_s=0.01, backoff_max_s=0.01)


def packet(number: int) -> bytes:
    return number.to_bytes(2, "big") + bytes(PacketSize.REGULAR.packet_length - 2)


class Transport(asyncio.Transport):
    """A connection that holds `room` packets before it asks to wait."""

    def __init__(self, protocol: asyncio.Protocol, room: int) -> None:
        super().__init__()
        self.protocol = protocol
        self.room = room
        self.sent: list[bytes] = []
        self.writes: list[int] = []
        self.waiting = 0
        self.aborted = False

    def write(self, data: bytes) -> None:
        frames = FrameDecoder().feed(data)
        self.sent += [frame.packet for frame in frames]
        self.writes.append(len(frames))
        was_full, self.waiting = self.waiting >= self.room, self.waiting + len(frames)
        if self.waiting >= self.room and not was_full:
            self.protocol.pause_writing()

    def drain(self) -> None:
        """The peer takes what waits."""
        was_full, self.waiting = self.waiting >= self.room, 0
        if was_full:
            self.protocol.resume_writing()

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True

    def lose(self) -> None:
        self.protocol.connection_lost(None)


class Net:
    """Where the peers are."""

    def __init__(self) -> None:
        self.reachable = asyncio.Event()
        self.attempts = 0
        self.room = 5
        self.transports: list[Transport] = []
        self.metrics = NodeMetrics("mix", "mix-node")
        self.outgoing = Outgoing(NetworkView([PEER, OTHER]), self.metrics, LIMITS)

    async def create_connection(self, factory, host, port, *, local_addr=None):
        self.attempts += 1
        if not self.reachable.is_set():
            raise ConnectionRefusedError
        protocol = factory()
        transport = Transport(protocol, self.room)
        self.transports.append(transport)
        protocol.connection_made(transport)
        return transport, protocol

    def send(self, *numbers: int, to: NodeAddress = PEER) -> None:
        for number in numbers:
            self.outgoing.send(to, packet(number), ROTATION)

    @property
    def sent(self) -> list[int]:
        return [int.from_bytes(data[:2], "big") for transport in self.transports for data in transport.sent]


@pytest.fixture
async def net(monkeypatch: pytest.MonkeyPatch):
    net = Net()
    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", net.create_connection)
    monkeypatch.setattr(outgoing, "_WRITE_BYTES", 1)  # one at a time, unless a test says otherwise
    yield net
    await net.outgoing.close()
    assert all(transport.aborted for transport in net.transports)


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_peer_that_is_slow_to_take_what_waited_gets_it_over_one_connection(net: Net):
    net.send(*range(12))
    await turns()
    net.reachable.set()
    await until(lambda: net.transports)
    await turns()
    assert len(net.transports) == 1
    assert net.sent == [0, 1, 2, 3, 4]
    net.transports[0].drain()
    net.transports[0].drain()
    assert net.sent == list(range(12))
    net.send(12)
    assert net.sent == list(range(13))
    assert net.metrics.forwarded == 13


async def test_what_is_too_much_for_a_slow_peer_is_dropped_and_counted(net: Net):
    net.reachable.set()
    net.send(0)
    await turns()
    net.send(*range(1, 40))
    assert net.metrics.dropped == {"outgoing_queue_full": 39 - 4 - LIMITS.queue_packets}
    for _ in range(6):
        net.transports[0].drain()
    assert net.sent == list(range(25))


async def test_large_packets_for_a_slow_peer_are_bounded_by_their_bytes(net: Net):
    net.reachable.set()
    net.send(*range(5))
    await turns()
    large = bytes(PacketSize.EXTENDED_32.packet_length)
    for _ in range(4):
        net.outgoing.send(PEER, large, ROTATION)
    assert net.metrics.dropped == {"outgoing_queue_full": 2}
    net.transports[0].drain()
    for _ in range(4):
        net.outgoing.send(PEER, large, ROTATION)
    # What waited has gone: three more found room in the connection, and one waits.
    assert net.metrics.dropped == {"outgoing_queue_full": 2}


async def test_a_slow_peer_holds_up_nobody_else(net: Net):
    net.reachable.set()
    net.send(*range(12))
    await turns()
    net.send(20, 21, to=OTHER)
    await turns()
    assert [len(transport.sent) for transport in net.transports] == [5, 2]


async def test_a_connection_that_is_lost_comes_back_for_what_waits_and_only_then(net: Net):
    net.reachable.set()
    net.send(*range(8))
    await turns()
    first = net.transports[0]
    first.abort()
    first.lose()
    await turns()
    assert len(net.transports) == 2
    assert net.sent == list(range(8))
    net.transports[1].abort()
    net.transports[1].lose()
    await turns()
    assert len(net.transports) == 2
    net.send(8)
    await turns()
    assert len(net.transports) == 3
    assert net.sent == list(range(9))


async def test_what_is_sent_in_one_turn_is_written_together_in_bounded_pieces(
    net: Net, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(outgoing, "_WRITE_BYTES", 10_000)
    net.reachable.set()
    net.room = 100
    net.send(0)
    await turns()
    net.send(1, 2)
    net.send(3, to=OTHER)
    assert net.sent == [0]
    await turns()
    net.send(*range(4, 12))
    await turns()
    assert net.transports[0].writes == [1, 2, 5, 3]
    assert net.transports[1].writes == [1]
    assert net.metrics.forwarded == 12


async def test_a_peer_that_asks_to_wait_gets_no_more_than_was_being_written(net: Net, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(outgoing, "_WRITE_BYTES", 10_000)
    net.reachable.set()
    net.send(0)
    await turns()
    net.send(*range(1, 20))
    await turns()
    assert net.sent == list(range(6))
    net.transports[0].drain()
    assert net.sent == list(range(11))


async def test_strangers_get_nothing(net: Net):
    net.reachable.set()
    net.send(0, 1, to=STRANGER)
    await turns()
    assert net.attempts == 0
    assert net.metrics.dropped == {"unknown_next_hop": 2}


async def test_closing_stops_the_attempts(net: Net):
    net.send(0)
    await turns()
    await net.outgoing.close()
    attempts = net.attempts
    net.reachable.set()
    await asyncio.sleep(0.05)
    assert net.attempts == attempts
