"""Who was away must not take it for the others' silence: stopped processes, throttled tabs, exits that stand still."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from support.memory_internet import ECHO, SOURCE, pattern
from support.simulated_tunnel import SimulatedTunnel, read_all, simulated_tunnel
from support.virtual_time import stand_still, virtual_time

COVER: dict[str, Any] = {"disable_poisson_traffic": False, "disable_cover_traffic": False}
TRAFFIC = pytest.mark.parametrize("options", [COVER, {}], ids=["cover", "quiet"])
BYTES = 100_000


def patient_exits(subject: SimulatedTunnel) -> None:
    """Let exits forget nobody: they stand still together with the client, since all is one process here."""
    for exit_ in subject.world.exits:
        exit_.router._config = replace(exit_.router._config, client_idle_s=1e9)


@contextlib.asynccontextmanager
async def starved(runs_s: float, of_s: float) -> AsyncIterator[None]:
    """This process gets a part of the time only."""

    async def starve() -> None:
        while True:
            await asyncio.sleep(runs_s)
            stand_still(of_s - runs_s)

    starving = asyncio.create_task(starve())
    try:
        yield
    finally:
        starving.cancel()


def make_slow(subject: SimulatedTunnel, work_s: float) -> None:
    """Each packet that comes or is made takes the client so long, while the world goes on."""
    assert subject.driver._session is not None
    engine = subject.driver._session.engine
    owners: dict[str, Any] = {"receive_pushed": engine, "_depart": engine.mixnet, "_depart_cover": engine.mixnet}
    for name, owner in owners.items():
        work = getattr(owner, name)

        def slowly(*arguments: Any, work: Any = work) -> Any:
            stand_still(work_s)
            return work(*arguments)

        setattr(owner, name, slowly)


def assert_nothing_was_taken_for_dead(subject: SimulatedTunnel) -> None:
    assert subject.phases == ["connecting", "ready"]
    assert subject.driver.stats().gateway_reconnects == 0


@TRAFFIC
@pytest.mark.parametrize(("runs_s", "of_s"), [(0.05, 1.0), (1.0, 20.0)])
def test_a_process_with_a_twentieth_of_the_time_keeps_everything(options: dict[str, Any], runs_s: float, of_s: float):
    @virtual_time
    async def run() -> None:
        async with simulated_tunnel(source_bytes=BYTES, **options) as subject:
            patient_exits(subject)
            async with starved(runs_s, of_s):
                stream = await subject.open(SOURCE)
                assert await read_all(stream) == pattern(BYTES)
                await asyncio.sleep(100.0)
            assert_nothing_was_taken_for_dead(subject)

    run()


@TRAFFIC
@pytest.mark.parametrize("work_s", [0.03, 0.2])
def test_a_process_to_which_every_packet_is_work_keeps_everything(options: dict[str, Any], work_s: float):
    @virtual_time
    async def run() -> None:
        async with simulated_tunnel(source_bytes=BYTES, **options) as subject:
            patient_exits(subject)
            make_slow(subject, work_s)
            stream = await subject.open(SOURCE)
            assert await read_all(stream) == pattern(BYTES)
            assert_nothing_was_taken_for_dead(subject)

    run()


@TRAFFIC
@pytest.mark.parametrize("away_s", [20.0, 90.0])
def test_a_process_that_is_stopped_goes_on_where_it_was(options: dict[str, Any], away_s: float):
    @virtual_time
    async def run() -> None:
        async with simulated_tunnel(source_bytes=BYTES, **options) as subject:
            patient_exits(subject)
            stream = await subject.open(SOURCE)
            received = bytearray()
            for number in range(8):
                received += await stream.receive(BYTES // 10)
                await asyncio.sleep(0.37 * number)
                stand_still(away_s)
            received += await read_all(stream)
            assert bytes(received) == pattern(BYTES)
            assert_nothing_was_taken_for_dead(subject)

    run()


@pytest.mark.parametrize("stands_s", [10.0, 30.0])
def test_an_exit_that_stands_still_for_a_while_is_kept(stands_s: float):
    @virtual_time
    async def run() -> None:
        async with simulated_tunnel(exits=(1, 2)) as subject:
            stream = await subject.open(ECHO)
            await stream.send(b"one")
            assert await stream.receive() == b"one"
            await asyncio.sleep(60.0)  # it has answered a probe by now
            network, exit_ = subject.world.network, subject.exit
            address = network.topology.gateways[exit_.recipient.gateway].address
            network.stop(address)
            await stream.send(b"two")
            await asyncio.sleep(stands_s)
            network.go_on(address, subject.world.now())
            subject.world.arm()
            assert await stream.receive() == b"two"
            assert subject.exit is exit_
            assert_nothing_was_taken_for_dead(subject)

    run()


@virtual_time
async def test_an_exit_that_stands_still_for_good_is_left():
    async with simulated_tunnel(exits=(1, 2)) as subject:
        stream = await subject.open(ECHO)
        await asyncio.sleep(60.0)
        network, left = subject.world.network, subject.exit
        network.stop(network.topology.gateways[left.recipient.gateway].address)
        await stream.send(b"hello?")
        assert await subject.until_noticed() <= 55.0
        await subject.until_ready()
        assert subject.reasons == ["ipr.exit_lost"]
        assert subject.driver._session.engine.exit.recipient != left.recipient
