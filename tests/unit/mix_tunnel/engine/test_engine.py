"""The engine against an in-memory mixnet and exit, with raw IP packets instead of a netstack."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.memory_client import QUIET, new_client
from support.memory_exit import EchoInternet, MemoryExit
from support.memory_mixnet import MemoryMixnet, run_clock

from mix_protocol.ipr.client import IprConfig
from mix_protocol.ipr.errors import ExitDenied, ExitUnanswered
from mix_protocol.ipr.events import ExitConnected, ExitLost, ExitRefused, ExitReported
from mix_protocol.ipr.ip_packet import echo_request
from mix_protocol.ipr.router import RouterConfig
from mix_tunnel.engine import PACED_FRAGMENTS, EngineEvent, TunnelEngine
from mix_tunnel.mixnet.traffic import TrafficConfig


class RawDevice:
    """A device that a test feeds and looks into, as a TUN device would be."""

    mtu_bytes = 1500

    def __init__(self, connected: ExitConnected) -> None:
        self.address = connected.ipv4
        self.received: list[bytes] = []
        self.outgoing: list[bytes] = []

    def receive_packet(self, packet: bytes, now: float) -> None:
        self.received.append(packet)

    def packets_to_send(self, now: float) -> list[bytes]:
        packets, self.outgoing = self.outgoing, []
        return packets

    def next_timeout(self) -> float | None:
        return None

    def handle_timeout(self, now: float) -> None:
        pass


class World:
    def __init__(
        self,
        *,
        seed: int = 1,
        ipr_version: int = 10,
        router: RouterConfig | None = None,
        traffic: TrafficConfig = QUIET,
    ) -> None:
        self.network = MemoryMixnet(seed, gateways=3)
        self.internet = EchoInternet()
        self.exit = MemoryExit(self.network, self.internet, ipr_version=ipr_version, config=router)
        mixnet = new_client(self.network, config=traffic)
        self.devices: list[RawDevice] = []
        self.engine = TunnelEngine(mixnet, self.network.random, self._make_device, unix_time_offset_s=1.7e9)
        self.network.attach(mixnet.own.identity, self.engine.receive_pushed)
        self.events: list[EngineEvent] = []
        self.now = 0.0

    def _make_device(self, connected: ExitConnected) -> RawDevice:
        self.devices.append(RawDevice(connected))
        return self.devices[-1]

    @property
    def device(self) -> RawDevice:
        return self.devices[-1]

    def pump(self, now: float) -> None:
        self.network.send(self.engine.packets_to_send(now), now)
        self.events += iter(self.engine.next_event, None)

    def run(self, until: Callable[[], bool], limit_s: float = 600.0) -> None:
        machines = (self.engine, self.network, self.exit)
        self.now = run_clock(machines, until=until, pump=self.pump, now=self.now, limit_s=limit_s)

    def connect(self, config: IprConfig | None = None) -> None:
        self.engine.connect_exit(self.exit.node, config or IprConfig(), self.now)
        self.run(lambda: bool(self.events))

    def echo(self, sequence: int = 1) -> bytes:
        return echo_request(self.device.address, self.device.address + 1000, 77, sequence)


@pytest.mark.parametrize(("version", "mtu"), [(9, None), (10, 1500)])
def test_an_exit_gives_addresses(version: int, mtu: int | None):
    world = World(ipr_version=version)
    world.connect()
    [event] = world.events
    assert isinstance(event, ExitConnected)
    assert (event.ipr_version, event.mtu_bytes) == (version, mtu)
    assert world.engine.is_connected
    assert world.now < 1.0


def test_raw_packets_cross_the_mixnet_both_ways():
    world = World()
    world.connect()
    packets = [world.echo(number) for number in range(50)]
    world.device.outgoing += packets
    world.run(lambda: len(world.device.received) == 50)
    assert sorted(world.internet.received) == sorted(packets)
    assert {packet[20:] for packet in world.device.received} == {packet[20:] for packet in packets}
    stats = world.engine.stats()
    assert stats.bytes_sent == stats.bytes_received == sum(map(len, packets))
    assert stats.reply_surbs_given >= 60
    assert stats.round_trip_ms is not None


def test_a_refusal_is_told_with_its_reason():
    world = World()
    world.exit.router.refuse_clients("no thanks")
    world.connect()
    [event] = world.events
    assert isinstance(event, ExitRefused)
    assert isinstance(event.error, ExitDenied)
    assert event.error.fields["detail"] == "no thanks"
    assert world.engine.device is None


def test_an_exit_that_never_answers_is_given_up_in_time():
    world = World()
    world.exit.is_deaf = True
    world.connect(IprConfig(connect_timeout_s=12.0, retry_after_s=5.0))
    [event] = world.events
    assert isinstance(event, ExitRefused)
    assert isinstance(event.error, ExitUnanswered)
    assert 11.9 < world.now < 12.1


def test_after_a_failed_exit_another_one_works_and_the_first_hears_nothing_more():
    world = World()
    world.exit.is_deaf = True
    world.connect(IprConfig(connect_timeout_s=5.0))
    world.events.clear()
    deaf = world.exit
    world.exit = MemoryExit(world.network, world.internet, gateway=2)
    world.connect()
    assert isinstance(world.events[0], ExitConnected)
    world.network.attach(deaf.recipient.identity, lambda payload, now: pytest.fail("a packet for the old exit"))
    world.device.outgoing.append(world.echo())
    world.run(lambda: bool(world.device.received))


def test_losing_the_exit_is_noticed_and_it_gives_new_addresses_when_asked_again():
    world = World(router=RouterConfig(client_idle_s=1.0, sweep_s=0.5))
    world.connect()
    world.events.clear()
    world.run(lambda: bool(world.events))  # the exit takes the idle client's addresses back and says so
    assert isinstance(world.events[0], ExitLost)
    assert not world.engine.is_connected
    assert world.engine.device is None
    world.events.clear()
    world.connect()
    assert isinstance(world.events[0], ExitConnected)
    assert len(world.devices) == 2


def test_an_exit_that_forgot_us_silently_is_noticed_too():
    world = World()
    world.connect()
    world.events.clear()
    world.exit.is_deaf = True
    world.device.outgoing.append(world.echo())
    start = world.now
    world.run(lambda: bool(world.events))
    assert isinstance(world.events[0], ExitLost)
    assert world.now - start < 60.0


def test_an_idle_tunnel_keeps_its_addresses():
    world = World()
    world.connect()
    world.events.clear()
    world.run(lambda: world.now > 0 and world.engine.mixnet.counters.real_packets_sent >= 15, limit_s=1000)
    assert world.now > 200
    assert world.events == []
    assert world.exit.router.client_count == 1


def test_a_remark_about_the_exit_policy_is_passed_on():
    world = World()
    world.connect()
    world.events.clear()
    [tag] = world.exit.router._by_tag
    world.exit.router.report_denied(tag, "1.2.3.4:25", world.now)
    world.run(lambda: bool(world.events))
    assert isinstance(world.events[0], ExitReported)
    assert world.events[0].detail == "1.2.3.4:25"


def test_packets_wait_in_the_device_while_the_connection_is_congested():
    world = World()
    world.connect()
    world.device.outgoing += [world.echo(number) for number in range(100)]
    assert world.engine.packets_to_send(world.now, waiting=32) == []
    assert len(world.device.outgoing) == 100
    assert 0 < len(world.engine.packets_to_send(world.now, waiting=22)) <= 10
    assert world.engine.mixnet.queued == 0


def test_with_random_timing_only_a_few_packets_are_taken_ahead():
    world = World(traffic=TrafficConfig(cover_stream_mean_ms=None))
    world.connect()
    world.device.outgoing += [world.echo(number) for number in range(40)]
    world.pump(world.now)
    assert world.engine.mixnet.queued <= PACED_FRAGMENTS
    world.run(lambda: len(world.device.received) == 40)


def test_a_device_that_emits_nonsense_does_no_harm():
    world = World()
    world.connect()
    world.device.outgoing += [b"", bytes(70_000), b"\xff" * 40, world.echo()]
    world.run(lambda: bool(world.device.received))
    assert len(world.internet.received) == 1


def test_while_suspended_nothing_is_sent_and_afterwards_all_goes_on():
    world = World()
    world.connect()
    world.engine.suspend(world.now)
    world.device.outgoing.append(world.echo())
    assert world.engine.packets_to_send(world.now) == []
    assert world.device.outgoing
    world.engine.handle_timeout(world.now + 30.0)
    world.now += 30.0
    world.engine.resume(world.now)
    world.run(lambda: bool(world.device.received))
    assert world.engine.is_connected


def test_disconnecting_gives_the_addresses_back():
    world = World()
    world.connect()
    world.engine.disconnect(world.now)
    world.run(lambda: world.exit.router.client_count == 0)


def test_messages_of_strangers_never_reach_the_device():
    world = World()
    world.connect()
    other = new_client(world.network, gateway=2, ack_key=bytes(16))
    other.send_message(b"\x03\x00 something like a frame", world.engine.mixnet.own, world.now, surbs=1)
    world.network.send(other.packets_to_send(world.now), world.now)
    world.network.handle_timeout(world.now + 5.0)
    assert world.device.received == []
    assert world.engine.next_event() is None


def test_new_keys_bring_the_exit_new_surbs_though_it_has_plenty_for_the_old_ones():
    world = World()
    world.connect()
    counters = world.engine.mixnet.counters
    sequence = 0

    def echo() -> None:
        nonlocal sequence
        sequence += 1
        world.device.outgoing.append(world.echo(sequence))

    while counters.reply_surbs_given < 199 + sequence:
        echo()
        world.run(lambda: len(world.device.received) == sequence)
    world.exit.is_deaf = True

    def given_with_some_that_are_not_answered() -> int:
        before = counters.reply_surbs_given
        for _ in range(10):
            echo()
            world.pump(world.now)
        return counters.reply_surbs_given - before

    assert given_with_some_that_are_not_answered() < 10
    world.network.rotate()
    world.engine.topology = world.network.topology
    assert given_with_some_that_are_not_answered() >= 10
