"""The one tunnel of a process: set up once, closed, set up again."""

from __future__ import annotations

import asyncio

import pytest

import mix_tunnel.tunnel
from mix_protocol.errors import NetworkFailure
from mix_tunnel import api, default
from mix_tunnel.api import find_tunnel
from mix_tunnel.default import TunnelSlot
from mix_tunnel.options import InvalidOption, TunnelOptions
from mix_tunnel.state import Phase, TunnelState
from mix_tunnel.worker.errors import SetupCancelled, TunnelAlreadyInitialised, TunnelNotSetUp

OPTIONS = TunnelOptions()


class Tunnel:
    http = None

    def __init__(self) -> None:
        self.state = TunnelState(Phase.READY)
        self.closed = False

    async def close(self) -> None:
        self.closed = True
        self.state = TunnelState(Phase.SHUTDOWN)


class Network:
    """Connects when it is told to."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.go.set()
        self.failure: NetworkFailure | None = None
        self.tunnels: list[Tunnel] = []
        self.options: list[TunnelOptions] = []

    async def connect(self, options, *, on_state):
        on_state(TunnelState(Phase.CONNECTING, "fetching the directory"))
        await self.go.wait()
        if self.failure is not None:
            raise self.failure
        self.tunnels.append(Tunnel())
        self.options.append(options)
        on_state(TunnelState(Phase.READY))
        return self.tunnels[-1]


@pytest.fixture
async def network():
    return Network()


@pytest.fixture
def slot(network):
    return TunnelSlot(network.connect)


async def test_states_are_told_from_the_first_step_on(slot):
    states = []
    assert slot.state == TunnelState(Phase.CONNECTING)
    tunnel = await slot.setup(OPTIONS, states.append)
    assert [state.phase for state in states] == [Phase.CONNECTING, Phase.READY]
    assert slot.tunnel is tunnel
    assert slot.state.phase is Phase.READY


async def test_a_second_setup_is_refused_while_there_is_a_tunnel(slot):
    await slot.setup(OPTIONS)
    with pytest.raises(TunnelAlreadyInitialised, match="tunnel already initialised"):
        await slot.setup(OPTIONS)


async def test_a_second_setup_is_refused_while_the_first_goes_on(slot, network):
    network.go.clear()
    first = asyncio.create_task(slot.setup(OPTIONS))
    await asyncio.sleep(0)
    with pytest.raises(TunnelAlreadyInitialised):
        await slot.setup(OPTIONS)
    network.go.set()
    await first


async def test_after_disconnecting_a_new_tunnel_can_be_set_up(slot, network):
    await slot.setup(OPTIONS)
    await slot.disconnect()
    await slot.disconnect()
    assert network.tunnels[0].closed
    assert slot.state.phase is Phase.SHUTDOWN
    await slot.setup(OPTIONS)
    assert slot.tunnel is network.tunnels[1]


async def test_after_a_failure_a_new_tunnel_can_be_set_up(slot, network):
    network.failure = NetworkFailure("no directory")
    with pytest.raises(NetworkFailure, match="no directory"):
        await slot.setup(OPTIONS)
    assert slot.state.phase is Phase.FAILED
    assert slot.state.reason is network.failure
    network.failure = None
    await slot.setup(OPTIONS)
    assert slot.state.phase is Phase.READY


async def test_a_tunnel_that_failed_later_makes_room_for_another(slot, network):
    await slot.setup(OPTIONS)
    network.tunnels[0].state = TunnelState(Phase.FAILED)
    await slot.setup(OPTIONS)
    assert network.tunnels[0].closed
    assert slot.tunnel is network.tunnels[1]


async def test_disconnecting_before_the_first_setup_changes_nothing(slot):
    await slot.disconnect()
    assert slot.state == TunnelState(Phase.CONNECTING)
    await slot.setup(OPTIONS)


async def test_disconnecting_stops_a_setup(slot, network):
    network.go.clear()
    setup = asyncio.create_task(slot.setup(OPTIONS))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await slot.disconnect()
    with pytest.raises(SetupCancelled):
        await setup
    assert slot.state.phase is Phase.SHUTDOWN
    network.go.set()
    await slot.setup(OPTIONS)


async def test_disconnecting_stops_a_setup_that_has_told_nothing_yet(slot, network):
    network.go.clear()
    setup = asyncio.create_task(slot.setup(OPTIONS))
    await asyncio.sleep(0)
    await slot.disconnect()
    with pytest.raises(SetupCancelled):
        await setup
    assert slot.state.phase is Phase.SHUTDOWN


async def test_a_cancelled_setup_leaves_nothing(slot, network):
    network.go.clear()
    setup = asyncio.create_task(slot.setup(OPTIONS))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    setup.cancel()
    with pytest.raises(asyncio.CancelledError):
        await setup
    assert slot.state.phase is Phase.SHUTDOWN
    network.go.set()
    await slot.setup(OPTIONS)


async def test_without_a_tunnel_there_is_none(slot):
    with pytest.raises(Exception, match="setup_mix_tunnel") as caught:
        _ = slot.tunnel
    assert caught.value.code.startswith("tunnel.")


@pytest.fixture
def shared(network, monkeypatch):
    """The process's named tunnels, connected by `network`."""
    slots = {name: TunnelSlot(network.connect) for name in ("default", "work")}
    monkeypatch.setattr(default, "_slots", slots)


async def test_the_shared_tunnel(shared, network):
    await default.setup_mix_tunnel(force_tls=False, max_redirects=3)
    assert default.get_tunnel_state().phase is Phase.READY
    assert default.get_mix_tunnel() is network.tunnels[0]
    await default.disconnect_mix_tunnel()
    assert default.get_tunnel_state().phase is Phase.SHUTDOWN


async def test_tunnels_have_names(shared, network):
    await default.setup_mix_tunnel(name="work")
    assert default.get_tunnel_state("work").phase is Phase.READY
    assert default.get_tunnel_state() == TunnelState(Phase.CONNECTING)
    await default.setup_mix_tunnel(OPTIONS)
    with pytest.raises(TunnelAlreadyInitialised):
        await default.setup_mix_tunnel(name="work")
    work, plain = network.tunnels
    assert (find_tunnel("work"), find_tunnel(None), find_tunnel("default")) == (work, plain, plain)
    await default.disconnect_mix_tunnel("work")
    assert (work.closed, plain.closed) == (True, False)
    with pytest.raises(TunnelNotSetUp):
        find_tunnel("work")


async def test_a_tunnel_of_another_name_has_another_client(shared, network):
    await default.setup_mix_tunnel(OPTIONS, name="work")
    await default.disconnect_mix_tunnel("work")
    await default.setup_mix_tunnel(client_id="mine", name="work")
    await default.setup_mix_tunnel()
    assert [options.client_id for options in network.options] == ["work", "mine", OPTIONS.client_id]


@pytest.mark.parametrize("name", ["", "x" * 65, None, 7, b"work"])
async def test_names_are_texts(name):
    with pytest.raises(InvalidOption, match="1 to 64 characters"):
        await default.setup_mix_tunnel(name=name)
    with pytest.raises(InvalidOption):
        default.get_tunnel_state(name)


async def test_facades_take_a_tunnel_or_its_name():
    tunnel = Tunnel()
    assert find_tunnel(tunnel) is tunnel
    with pytest.raises(InvalidOption, match="tunnel must be"):
        find_tunnel(7)


async def test_options_are_checked_at_once():
    with pytest.raises(InvalidOption, match="no option forceTls"):
        await default.setup_mix_tunnel(forceTls=False)
    with pytest.raises(InvalidOption, match="max_redirects"):
        await default.setup_mix_tunnel(max_redirects=-1)
    with pytest.raises(InvalidOption):
        await default.setup_mix_tunnel(TunnelOptions(), debug=True)
    for wrong in ({"debug": True}, 5, "default"):
        with pytest.raises(InvalidOption, match="options must be TunnelOptions"):
            await default.setup_mix_tunnel(wrong)
        with pytest.raises(InvalidOption, match="options must be TunnelOptions"):
            await mix_tunnel.tunnel.Tunnel.connect(wrong)
    with pytest.raises(InvalidOption, match="on_state must be a function"):
        await default.setup_mix_tunnel(on_state="print")


def test_the_package_gives_what_its_api_does():
    for name in mix_tunnel.__all__:
        assert getattr(mix_tunnel, name) is getattr(api, name)
    with pytest.raises(AttributeError, match="no attribute 'setupMixTunnel'"):
        _ = mix_tunnel.setupMixTunnel
