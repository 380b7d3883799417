"""Setting tunnels up, losing and restoring them, in an in-memory network on a virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from support.memory_exit import EchoInternet
from support.memory_platform import Fault, MemoryWorld
from support.virtual_time import virtual_time

from mix_protocol.codec import base58
from mix_protocol.errors import MixError
from mix_protocol.ipr.events import ExitConnected
from mix_protocol.ipr.ip_packet import echo_request
from mix_protocol.topology.errors import InconsistentDocuments
from mix_tunnel.options import TunnelOptions
from mix_tunnel.platform import GetAnswer
from mix_tunnel.runtime.driver import TunnelDriver
from mix_tunnel.state import Phase, Step, TunnelState

QUICK: dict[str, Any] = {
    "directory_url": "https://directory.example/api/",
    "force_tls": False,
    "disable_cover_traffic": True,
    "disable_poisson_traffic": True,
}


class RawDevice:
    """Sends what a test gives it and keeps what comes."""

    mtu_bytes = 1500

    def __init__(self, connected: ExitConnected) -> None:
        self.address = connected.ipv4
        self.received: list[bytes] = []
        self.outgoing: list[bytes] = []
        self.arrived = asyncio.Event()

    def receive_packet(self, packet: bytes, now: float) -> None:
        self.received.append(packet)
        self.arrived.set()

    def packets_to_send(self, now: float) -> list[bytes]:
        packets, self.outgoing = self.outgoing, []
        return packets

    def next_timeout(self) -> float | None:
        return None

    def handle_timeout(self, now: float) -> None:
        pass


class Subject:
    """A driver in a world, and what it said."""

    def __init__(self, world: MemoryWorld, **options: Any) -> None:
        self.world = world
        self.states: list[TunnelState] = []
        self.devices: list[RawDevice] = []
        self.driver = TunnelDriver(
            TunnelOptions(**{**QUICK, **options}),
            world.platform(),
            self.states.append,
            make_device=self._make_device,
        )

    def _make_device(self, connected: ExitConnected) -> RawDevice:
        self.devices.append(RawDevice(connected))
        return self.devices[-1]

    @property
    def phases(self) -> list[str]:
        phases: list[str] = []
        for state in self.states:
            if not phases or phases[-1] != state.phase:
                phases.append(state.phase)
        return phases

    async def echo(self) -> None:
        """Send a packet through the tunnel and wait until the exit's internet has sent it back."""
        device = self.devices[-1]
        device.arrived.clear()
        device.outgoing.append(echo_request(device.address, device.address + 1000, 1, 1))
        self.driver.wake()
        async with asyncio.timeout(60):
            await device.arrived.wait()

    async def until(self, condition: Callable[[], bool], limit_s: float = 300.0) -> None:
        async with asyncio.timeout(limit_s):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def fails(self) -> MixError:
        with pytest.raises(MixError) as caught:
            await self.driver.connect()
        assert self.driver.state.phase == Phase.FAILED
        assert self.driver.state.reason is not None
        assert self.driver.state.reason.code == caught.value.code
        self.world.stop()
        return caught.value


def new_world(exits: tuple[int, ...] = (1,), **arguments: Any) -> MemoryWorld:
    world = MemoryWorld(EchoInternet(), **arguments)
    for gateway in exits:
        world.add_exit(gateway)
    return world


@virtual_time
async def test_a_tunnel_comes_up_step_by_step_and_carries_packets():
    subject = Subject(new_world())
    await subject.driver.connect()
    assert subject.phases == ["connecting", "ready"]
    state = subject.driver.state
    assert [taken.step for taken in state.steps] == [
        Step.FETCHING_DIRECTORY,
        Step.CHOOSING_GATEWAY,
        Step.CONNECTING_GATEWAY,
        Step.REGISTERING,
        Step.ASKING_EXIT,
    ]
    assert sum(taken.elapsed_ms for taken in state.steps) == pytest.approx(state.elapsed_ms)
    assert all(state.step for state in subject.states)
    await subject.echo()
    stats = subject.driver.stats()
    assert stats.real_packets_sent > 3
    assert stats.cover_packets_sent == 0
    assert stats.bytes_sent == stats.bytes_received == 28
    await subject.driver.close()
    assert subject.phases == ["connecting", "ready", "shutting_down", "shutdown"]
    subject.world.network.handle_timeout(subject.world.now() + 10)
    assert subject.world.exits[0].router.client_count == 0  # it got its addresses back
    await subject.driver.close()
    subject.world.stop()


@virtual_time
async def test_the_directory_is_asked_as_the_published_client_asks():
    subject = Subject(new_world())
    await subject.driver.connect()
    assert sorted(path.removeprefix("https://directory.example/api/") for path in subject.world.requests) == [
        "v1/epoch/key-rotation-info",
        "v1/nym-nodes/rewarded-set",
        "v2/nym-nodes/described?page=0",
        "v2/unstable/nym-nodes/skimmed/entry-gateways?page=0",
        "v2/unstable/nym-nodes/skimmed/mixnodes/active?page=0",
        "v2/unstable/nym-nodes/skimmed?page=0",
    ]
    await subject.driver.close()
    subject.world.stop()


@virtual_time
async def test_with_default_traffic_cover_flows_while_idle():
    subject = Subject(new_world(), disable_cover_traffic=False, disable_poisson_traffic=False)
    await subject.driver.connect()
    await asyncio.sleep(20)
    stats = subject.driver.stats()
    assert 55 * 20 * 0.85 < stats.cover_packets_sent < 55 * 20 * 1.15
    assert stats.cover_packets_received > stats.cover_packets_sent * 0.9
    await subject.driver.close()
    sent = subject.driver.stats().cover_packets_sent
    await asyncio.sleep(5)
    assert subject.driver.stats().cover_packets_sent == sent
    subject.world.stop()


@virtual_time
async def test_every_tunnel_is_another_client():
    world = new_world()
    one_after_the_other = Subject(world)
    await one_after_the_other.driver.connect()
    await one_after_the_other.driver.close()
    at_once = [Subject(world) for _ in range(2)]
    for subject in at_once:
        await subject.driver.connect()
    assert world.exits[0].router.client_count == 2
    identities = {record.identity for gateway in world.gateways.values() for record in gateway.registry}
    assert len(identities) == 3
    for subject in at_once:
        await subject.echo()
        await subject.driver.close()
    world.stop()


GATEWAY_FAULTS = {
    Fault.REFUSES: "platform.websocket_failed",
    Fault.HANGS: "platform.websocket_failed",
    Fault.MUTE: "gateway.timed_out",
    Fault.GARBAGE: "gateway.malformed_frame",
    Fault.BINARY_GARBAGE: "gateway.unexpected_frame",
    Fault.IMPOSTOR: "gateway.invalid_signature",
    Fault.CLOSES: "platform.websocket_closed",
    Fault.TOO_OLD: "gateway.incompatible_version",
    Fault.LEADS_NOWHERE: "tunnel.mixnet_silent",
    Fault.WANTS_PAYMENT: "gateway.paid_bandwidth",
}


@pytest.mark.parametrize("fault", Fault)
def test_every_gateway_fault_is_a_typed_error_when_it_is_pinned(fault: Fault):
    @virtual_time
    async def run() -> None:
        world = new_world()
        world.gateway(0).fault = fault
        subject = Subject(world, preferred_gateway=base58.encode(world.network.gateways[0]), connect_timeout_ms=20_000)
        error = await subject.fails()
        assert error.code == GATEWAY_FAULTS[fault]
        assert world.now() <= 1020.1
        assert not any(
            socket for gateway in world.gateways.values() for socket in gateway.sockets if not socket.is_closed
        )

    run()


@pytest.mark.parametrize("fault", Fault)
def test_a_faulty_gateway_is_skipped_for_the_next_one(fault: Fault):
    @virtual_time
    async def run() -> None:
        world = new_world()
        world.gateway(0).fault = world.gateway(1).fault = fault
        # Exits live at gateways too, whose mixnet side works here whatever their WebSocket side does.
        subject = Subject(world)
        await subject.driver.connect()
        assert world.gateway(2).connections == 1
        await subject.echo()
        await subject.driver.close()
        world.stop()

    run()


@virtual_time
async def test_gateways_that_want_to_be_paid_are_left_at_once_and_told_of_once(caplog: pytest.LogCaptureFixture):
    caplog.set_level("DEBUG", "mix_tunnel")
    world = new_world()
    world.gateway(0).fault = world.gateway(1).fault = Fault.WANTS_PAYMENT
    began, subject = world.now(), Subject(world)
    await subject.driver.connect()
    assert world.now() - began < 2
    assert world.gateway(2).connections == 1
    await subject.driver.close()
    world.stop()
    said = [record for record in caplog.records if "passed over" in record.message]
    words = [record.message for record in caplog.records if "no free bandwidth" in record.message]
    refused = sum(world.gateway(number).connections for number in (0, 1))
    assert [record.levelname for record in said] == ["INFO"] * refused
    assert all("gateway.paid_bandwidth" in record.message for record in said)
    assert words == ["the entry gateway's words: 'this gateway gives no free bandwidth'"] * refused


@virtual_time
async def test_exits_that_refuse_or_stall_are_skipped_for_the_next_one():
    world = new_world(exits=(0, 1, 2))
    world.exits[0].is_deaf = True
    world.exits[1].router.refuse_clients("full")
    subject = Subject(world)
    await subject.driver.connect()
    assert world.exits[2].router.client_count == 1
    await subject.echo()
    await subject.driver.close()
    world.stop()


@virtual_time
async def test_a_pinned_exit_that_refuses_or_stalls_is_a_typed_error():
    for stalls, code in ((False, "ipr.exit_denied"), (True, "ipr.exit_unanswered")):
        world = new_world(exits=(0, 1, 2))
        if stalls:
            world.exits[1].is_deaf = True
        else:
            world.exits[1].router.refuse_clients("no thanks")
        subject = Subject(world, preferred_ipr=world.exits[1].recipient.to_text(), connect_timeout_ms=10_000)
        error = await subject.fails()
        assert error.code == code


@pytest.mark.parametrize("version", [9, 10])
def test_a_pinned_exit_is_used_in_its_version(version: int):
    @virtual_time
    async def run() -> None:
        world = new_world(exits=(0,))
        world.add_exit(1, ipr_version=version)
        subject = Subject(world, preferred_ipr=world.exits[1].recipient.to_text())
        await subject.driver.connect()
        assert world.exits[1].router.client_count == 1
        assert "v2/unstable/nym-nodes/skimmed?page=0" not in "".join(world.requests)
        await subject.driver.close()
        world.stop()

    run()


@pytest.mark.parametrize(
    ("documents", "code"),
    [
        ({"": 404}, "directory.status"),
        ({"": 500}, "directory.status"),
        ({"rewarded-set": b"<html>"}, "topology.malformed_document"),
        ({"described": b'{"pagination": {}}'}, "topology.malformed_document"),
        ({"key-rotation-info": 404}, "directory.status"),
    ],
)
def test_a_bad_directory_is_a_typed_error(documents: dict[str, bytes | int], code: str):
    @virtual_time
    async def run() -> None:
        world = new_world()
        world.documents.update(documents)
        error = await Subject(world).fails()
        assert error.code == code
        assert "directory.example" not in str(error)

    run()


@virtual_time
async def test_an_unreachable_directory_and_missing_parts_are_typed_errors():
    world = new_world()
    world.is_reachable = False
    assert (await Subject(world).fails()).code == "platform.get_failed"
    assert (await Subject(new_world(exits=())).fails()).code == "topology.no_exit"
    world = new_world()
    other = base58.encode(b"x" * 32)
    assert (await Subject(world, preferred_gateway=other).fails()).code == "tunnel.gateway_not_listed"
    assert (await Subject(world, force_tls=True).fails()).code == "topology.no_tls_gateway"
    nowhere = world.exits[0].recipient.to_text().partition("@")[0] + "@" + other
    assert (await Subject(world, preferred_ipr=nowhere).fails()).code == "tunnel.exit_not_listed"


def open_sockets(world: MemoryWorld) -> int:
    return sum(not socket.is_closed for gateway in world.gateways.values() for socket in gateway.sockets)


@virtual_time
async def test_a_gateway_is_opened_while_the_list_of_exits_is_on_its_way():
    world = new_world()
    world.delays["described"] = 5.0
    subject = Subject(world)
    task = asyncio.create_task(subject.driver.connect())
    await asyncio.sleep(4)
    assert open_sockets(world) == 1
    assert subject.driver.state.step == "registering with the entry gateway"
    await task
    assert [taken.step for taken in subject.driver.state.steps][-1] == Step.ASKING_EXIT
    await subject.echo()
    await subject.driver.close()
    world.stop()


@pytest.mark.parametrize("seed", range(1, 7))
def test_a_gateway_that_turns_out_to_be_the_only_exit_is_left(seed: int):
    @virtual_time
    async def run() -> None:
        world = new_world(seed=seed)
        world.delays["described"] = 5.0
        subject = Subject(world)
        await subject.driver.connect()
        assert not any(not socket.is_closed for socket in world.gateway(1).sockets)
        assert open_sockets(world) == 1
        assert not any(taken.error for taken in subject.driver.state.steps)
        await subject.driver.close()
        world.stop()

    run()


@virtual_time
async def test_a_gateway_that_is_the_only_exit_is_used_when_all_others_fail():
    world = new_world()
    world.delays["described"] = 5.0
    world.gateway(0).fault = world.gateway(2).fault = Fault.REFUSES
    subject = Subject(world)
    await subject.driver.connect()
    assert sum(not socket.is_closed for socket in world.gateway(1).sockets) == 1
    assert open_sockets(world) == 1
    await subject.driver.close()
    world.stop()


@virtual_time
async def test_when_the_list_of_exits_fails_late_nothing_stays_open():
    world = new_world()
    world.delays["described"] = 5.0
    world.documents["described"] = 404
    assert (await Subject(world).fails()).code == "directory.status"
    assert open_sockets(world) == 0


@virtual_time
async def test_the_whole_set_up_has_a_limit():
    world = new_world(exits=(0, 1, 2))
    for gateway in world.gateways.values():
        gateway.fault = Fault.MUTE
    began = world.now()
    error = await Subject(world, connect_timeout_ms=6_000).fails()
    assert error.code == "gateway.timed_out"
    assert world.now() - began < 6.01


@virtual_time
async def test_cancelling_the_set_up_leaves_nothing_open():
    world = new_world()
    for gateway in world.gateways.values():
        gateway.fault = Fault.MUTE
    subject = Subject(world)
    task = asyncio.create_task(subject.driver.connect())
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert subject.driver.state.phase == Phase.SHUTDOWN
    assert all(socket.is_closed for gateway in world.gateways.values() for socket in gateway.sockets)


@virtual_time
async def test_a_lost_exit_is_asked_anew():
    world = new_world()
    subject = Subject(world)
    await subject.driver.connect()
    [client] = list(world.exits[0].router._by_tag.values())
    world.exits[0].router._remove(client, None, world.now())  # type: ignore[arg-type]
    subject.devices[-1].outgoing.append(echo_request(subject.devices[-1].address, client.addresses[0] + 1, 1, 1))
    subject.driver.wake()
    await subject.until(lambda: len(subject.devices) == 2)
    await subject.until(lambda: subject.phases[-1] == "ready")
    await subject.echo()
    await subject.driver.close()
    world.stop()


@virtual_time
async def test_an_idle_tunnel_stays_known_to_its_exit():
    world = new_world()
    subject = Subject(world)
    await subject.driver.connect()
    await asyncio.sleep(600)
    assert subject.phases == ["connecting", "ready"]
    await subject.echo()
    assert len(subject.devices) == 1
    await subject.driver.close()
    world.stop()


@virtual_time
async def test_a_new_topology_is_fetched_and_a_bad_one_ignored():
    world = new_world()
    subject = Subject(world)
    await subject.driver.connect()
    before = len(world.requests)
    await asyncio.sleep(310)
    assert len(world.requests) == before + 4
    world.documents["rewarded-set"] = b"nonsense"
    await asyncio.sleep(300)
    assert subject.driver.state.phase == Phase.READY
    await subject.echo()
    await subject.driver.close()
    world.stop()


@virtual_time
async def test_a_key_rotation_is_survived():
    world = new_world()
    [node] = world.exits
    node.learn_rotation(0.0, epoch_s=300.0)
    subject = Subject(world)
    await subject.driver.connect()
    for _ in range(2):
        world.network.rotate()
        await subject.echo()  # nobody knows yet, and the old keys are good for one more epoch
        await asyncio.sleep(310)
        node.learn_rotation(world.now(), epoch_s=300.0)
        for _ in range(20):
            await subject.echo()
        await asyncio.sleep(310)
        world.network.forget_old_keys()
        for _ in range(20):
            await subject.echo()
    assert subject.driver.stats().real_packets_sent < 300
    assert subject.phases == ["connecting", "ready"]
    assert len(subject.devices) == 1
    await subject.driver.close()
    world.stop()


@pytest.mark.expects_crashes
@virtual_time
async def test_an_unexpected_exception_fails_the_tunnel_instead_of_hanging_it(caplog: pytest.LogCaptureFixture):
    world = new_world()
    subject = Subject(world)
    await subject.driver.connect()

    def explode(now: float) -> list[bytes]:
        raise ZeroDivisionError

    subject.devices[-1].packets_to_send = explode  # type: ignore[method-assign]
    subject.driver.wake()
    await subject.until(lambda: subject.phases[-1] == "failed")
    reason = subject.driver.state.reason
    assert reason is not None
    assert reason.code == "tunnel.crashed"
    assert reason.fields["cause"] == "ZeroDivisionError"
    await subject.driver.close()
    world.stop()


@virtual_time
async def test_an_observer_that_raises_does_no_harm(caplog: pytest.LogCaptureFixture):
    world = new_world()

    def observer(state: TunnelState) -> None:
        raise RuntimeError("observer")

    driver = TunnelDriver(TunnelOptions(**QUICK), world.platform(), observer, make_device=RawDevice)
    await driver.connect()
    assert driver.state.phase == Phase.READY
    await driver.close()
    assert "on_state raised" in caplog.text
    world.stop()


def warning_codes(subject: Subject) -> list[str]:
    return [warning.code for warning in subject.driver.state.warnings]


@virtual_time
async def test_an_old_picture_of_the_network_is_a_warning(monkeypatch: pytest.MonkeyPatch):
    world = new_world()
    subject = Subject(world)
    await subject.driver.connect()
    assert warning_codes(subject) == []
    await subject.driver.close()
    monkeypatch.setattr(world, "epoch_start", lambda: "2020-01-01T00:00:00Z")
    subject = Subject(world)
    await subject.driver.connect()
    assert warning_codes(subject) == ["directory.stale"]
    await subject.driver.close()
    for text in ("", "yesterday", "9999-99-99T00:00:00Z"):
        monkeypatch.setattr(world, "epoch_start", lambda text=text: text)
        subject = Subject(world)
        await subject.driver.connect()
        assert warning_codes(subject) == []
        await subject.driver.close()
    world.stop()


@virtual_time
async def test_a_directory_over_plain_http_is_a_warning_unless_it_is_on_this_machine():
    for url, warned in (
        ("http://directory.example/api", ["directory.plain_http"]),
        ("http://192.168.1.2:8080/api", ["directory.plain_http"]),
        ("https://directory.example/api", []),
        ("http://localhost:8080/api", []),
        ("http://[::1]:8080/api", []),
    ):
        world = new_world()
        subject = Subject(world, directory_url=url)
        await subject.driver.connect()
        assert warning_codes(subject) == warned
        await subject.driver.close()
        world.stop()


@virtual_time
async def test_node_lists_of_another_time_than_the_key_rotation_are_refused(monkeypatch: pytest.MonkeyPatch):
    world = new_world()
    original = world.answer

    def answer(path: str) -> GetAnswer:
        given = original(path)
        if "key-rotation-info" not in path:
            return given
        body = given.body.replace(b'"current_absolute_epoch_id":1', b'"current_absolute_epoch_id":5001')
        return GetAnswer(given.status, given.headers, body)

    monkeypatch.setattr(world, "answer", answer)
    with pytest.raises(InconsistentDocuments):
        await Subject(world).driver.connect()
    world.stop()
