"""The engine with a lossy, reordering device and a lossy mixnet: what arrives is what was sent."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass

import pytest
from support.memory_client import new_client
from support.memory_exit import MemoryExit
from support.memory_internet import HOST, SINK, SOURCE, MemoryHost, pattern
from support.memory_mixnet import MemoryMixnet, run_clock

from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.ipr.client import IprConfig
from mix_protocol.ipr.events import ExitConnected
from mix_protocol.netstack.device import Device
from mix_protocol.netstack.fault_injector import FaultInjector
from mix_protocol.netstack.pcap import PcapFile, PcapWriter
from mix_protocol.netstack.stack import NetworkStack
from mix_protocol.netstack.tcp.connection import TcpConnection
from mix_tunnel.engine import TunnelEngine


@dataclass(frozen=True)
class Faults:
    """What goes wrong: on the device's link, and between any two nodes of the mixnet."""

    device_loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    jitter_s: float = 0.0
    mixnet_loss: float = 0.0


class World:
    def __init__(self, faults: Faults, *, source_bytes: int = 1) -> None:
        self.faults = faults
        self.network = MemoryMixnet(5, loss=faults.mixnet_loss)
        self.host = MemoryHost(source_bytes=source_bytes)
        self.exit = MemoryExit(self.network, self.host)
        mixnet = new_client(self.network, ack_key=bytes(16))
        self.capture = io.BytesIO()
        self.engine = TunnelEngine(mixnet, self.network.random, self._make_device)
        self.network.attach(mixnet.own.identity, self.engine.receive_pushed)
        self.engine.connect_exit(self.exit.node, IprConfig(), 0.0)
        self.now = 0.0
        self.run(lambda: self.engine.is_connected)

    def _make_device(self, connected: ExitConnected) -> Device:
        self.stack = NetworkStack(self.network.random, addresses=(connected.ipv4, connected.ipv6))
        faults = self.faults
        faulty = FaultInjector(
            self.stack,
            SeededRandom("faults"),
            loss=faults.device_loss,
            duplicate=faults.duplicate,
            reorder=faults.reorder,
            jitter_s=faults.jitter_s,
        )
        return PcapWriter(faulty, PcapFile(self.capture))

    def pump(self, now: float) -> None:
        self.network.send(self.engine.packets_to_send(now), now)
        while self.engine.next_event() is not None:
            pass

    def run(self, until: object) -> None:
        parts = (self.engine, self.network, self.exit)
        self.now = run_clock(parts, until=until, pump=self.pump, now=self.now, limit_s=900.0)  # type: ignore[arg-type]

    def receive(self, connection: TcpConnection, data: bytes = b"") -> bytes:
        """Send `data`, then read to the end."""
        received = bytearray()
        left = memoryview(data)
        closed = False

        def step() -> bool:
            nonlocal left, closed
            if left and connection.send_capacity:
                left = left[connection.send(left) :]
            if data and not left and not closed:
                connection.close()
                closed = True
            received.extend(connection.receive(1 << 20))
            assert connection.error is None
            return connection.at_eof

        self.run(step)
        return bytes(received)


@pytest.mark.parametrize(
    "faults",
    [
        Faults(),
        Faults(device_loss=0.02, duplicate=0.02, reorder=0.1, jitter_s=0.05),
        Faults(mixnet_loss=0.01),
        Faults(device_loss=0.05, mixnet_loss=0.01, jitter_s=0.3),
    ],
    ids=["none", "device", "mixnet", "both"],
)
def test_half_a_megabyte_each_way(faults: Faults):
    data = pattern(500_000)
    world = World(faults, source_bytes=len(data))
    connection = world.stack.connect_tcp((HOST, SOURCE), world.now)
    assert hashlib.sha256(world.receive(connection)).digest() == hashlib.sha256(data).digest()
    connection = world.stack.connect_tcp((HOST, SINK), world.now)
    assert world.receive(connection, data) == hashlib.sha256(data).digest()
    assert len(world.capture.getvalue()) > 1_000_000  # every packet of both ways is in the capture
