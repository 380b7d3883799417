"""The law of balanced replies, in the engine with a real exit: as much comes as leaves, whatever is done."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.memory_client import new_client
from support.memory_exit import EchoInternet, MemoryExit
from support.memory_mixnet import MemoryMixnet, Passage, run_clock

from mix_protocol.ipr.client import IprConfig
from mix_protocol.ipr.events import ExitConnected
from mix_protocol.messages.acknowledgement import ACK_LENGTH
from mix_tunnel.engine import TunnelEngine
from mix_tunnel.mixnet.traffic import TrafficConfig

from .test_engine import RawDevice

SETTLED_S = 2.0


class World:
    """An engine with cover traffic; its packets are counted: `sent`, `came` (whole ones), `acknowledged`."""

    def __init__(self, *, balanced: bool, seed: int = 1) -> None:
        self.network = MemoryMixnet(seed)
        self.exit = MemoryExit(self.network, EchoInternet())
        mixnet = new_client(self.network, config=TrafficConfig())
        self.engine = TunnelEngine(mixnet, self.network.random, self._make_device)
        self.network.attach(mixnet.own.identity, self._receive)
        self.now = 0.0
        self.sent = self.came = self.acknowledged = 0
        self.engine.connect_exit(self.exit.node, IprConfig(balanced_replies=balanced), 0.0)
        self.run(lambda: self.engine.is_connected)

    def _make_device(self, connected: ExitConnected) -> RawDevice:
        self.connected, self.device = connected, RawDevice(connected)
        return self.device

    def _receive(self, payload: bytes, now: float) -> None:
        self.came += len(payload) > ACK_LENGTH
        self.acknowledged += len(payload) == ACK_LENGTH
        self.engine.receive_pushed(payload, now)

    def _pump(self, now: float) -> None:
        packets = self.engine.packets_to_send(now)
        self.sent += len(packets)
        self.network.send(packets, now)
        while self.engine.next_event() is not None:
            pass

    def run(self, until: Callable[[], bool]) -> None:
        machines = (self.engine, self.network, self.exit)
        self.now = run_clock(machines, until=until, pump=self._pump, now=self.now, limit_s=120.0)

    def settle(self) -> None:
        """Let nothing leave until all that is on its way has come, then count from 0."""
        self.engine.suspend(self.now)
        end = self.now + SETTLED_S
        machines = (self.network, self.exit)
        while (at := min(due for machine in machines if (due := machine.next_timeout()) is not None)) <= end:
            for machine in machines:
                if (due := machine.next_timeout()) is not None and due <= at:
                    machine.handle_timeout(at)
            if self.network.next_timeout() is None and not self.exit.replies.returning:
                break
        self.now = end
        self.engine.resume(end)

    def ask(self, *sizes: int) -> None:
        """Send packets that come back, and wait for all of them."""
        received = len(self.device.received)
        for number, size in enumerate(sizes):
            self.device.outgoing.append(self.packet(number, size))
        self.run(lambda: len(self.device.received) >= received + len(sizes))

    def packet(self, number: int, size: int) -> bytes:
        """An IPv4 packet of some length, which the Internet of these tests sends back."""
        head = (
            bytes.fromhex("4500") + size.to_bytes(2, "big") + number.to_bytes(2, "big") + bytes.fromhex("00004011 0000")
        )
        return (head + self.device.address.packed + bytes((8, 8, 8, 8))).ljust(size, b"\0")


@pytest.mark.parametrize("sizes", [(), (84,) * 60, (1400,) * 60, (1500, 60, 700) * 15])
def test_every_packet_that_leaves_brings_exactly_one_back(sizes: tuple[int, ...]):
    world = World(balanced=True)
    world.settle()
    world.sent = world.came = world.acknowledged = 0
    for _ in range(2):
        world.ask(*sizes)
        world.run(lambda: world.sent >= 100)
        world.settle()
        assert world.sent == world.came == world.acknowledged


def test_without_it_replies_come_on_top():
    world = World(balanced=False)
    assert world.connected.best_packet_bytes is None
    world.settle()
    world.sent = world.came = world.acknowledged = 0
    world.ask(*(1400,) * 60)
    world.settle()
    assert world.came != world.sent


def test_packets_of_the_best_size_take_one_place_and_larger_ones_two():
    world = World(balanced=True)
    best = world.connected.best_packet_bytes
    assert best is not None
    counters = world.engine.mixnet.counters
    for size, places in ((best, 1), (best + 1, 2)):
        before = counters.real_packets_sent
        world.ask(size)
        assert counters.real_packets_sent == before + places


def test_mix_nodes_carry_the_same_for_a_busy_client_as_for_an_idle_one():
    carried: list[float] = []
    for sizes in ((), (1400,) * 100):
        world = World(balanced=True)
        passages: list[Passage] = []
        world.network.observe = passages.append
        world.sent = 0
        began = world.now
        world.ask(*sizes)
        world.run(lambda: world.sent >= 600)  # noqa: B023
        layer = {node.address for node in world.network.topology.layers[1]}
        carried.append(sum(passage.node in layer for passage in passages) / world.sent)
        assert world.now > began
    assert carried[0] == pytest.approx(carried[1], rel=0.03)
