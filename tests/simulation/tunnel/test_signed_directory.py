"""A tunnel whose owner has given directories' keys uses nothing that a quorum of them has not signed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from support.memory_exit import EchoInternet
from support.memory_platform import MemoryWorld
from support.virtual_time import virtual_time

from mix_protocol.codec import base58
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.errors import MixError
from mix_protocol.topology.errors import NoQuorum, SnapshotExpired, UnsignedDirectory
from mix_tunnel.options import TunnelOptions
from mix_tunnel.runtime.driver import TunnelDriver

SEEDS = [bytes([number]) * 32 for number in (1, 2, 3)]
KEYS = [base58.encode(NativeCrypto().ed25519_public(seed)) for seed in SEEDS]


def new_world(signers: list[bytes]) -> MemoryWorld:
    world = MemoryWorld(EchoInternet())
    world.add_exit(1)
    world.signers = signers
    return world


def new_driver(world: MemoryWorld, **options: Any) -> TunnelDriver:
    settings = {
        "directory_url": "https://directory.example/api",
        "force_tls": False,
        "disable_poisson_traffic": True,
        "disable_cover_traffic": True,
        **options,
    }
    return TunnelDriver(TunnelOptions(**settings), world.platform())


async def refusal(world: MemoryWorld, **options: Any) -> MixError:
    driver = new_driver(world, **options)
    with pytest.raises(MixError) as caught:
        await driver.connect()
    world.stop()
    assert not any(gateway.connections for gateway in world.gateways.values())
    return caught.value


@virtual_time
async def test_one_question_is_enough_and_the_state_tells_who_vouches():
    world = new_world(SEEDS[:2])
    driver = new_driver(world, directory_keys=KEYS)
    await driver.connect()
    assert driver.state.directory_signatures == 2
    assert [path.rpartition("/api/")[2] for path in world.requests] == ["v1/mix-network/snapshot"]
    await asyncio.sleep(500)  # it looks again, as it does with other directories
    assert len(world.requests) == 2
    await driver.close()
    world.stop()


@virtual_time
async def test_without_keys_one_directory_is_believed_and_the_state_tells_that():
    world = new_world([])
    driver = new_driver(world)
    await driver.connect()
    assert driver.state.directory_signatures == 0
    assert not any("snapshot" in path for path in world.requests)
    await driver.close()
    world.stop()


@virtual_time
async def test_one_of_three_is_no_quorum_but_where_one_is_asked_for():
    error = await refusal(new_world(SEEDS[:1]), directory_keys=KEYS)
    assert isinstance(error, NoQuorum)
    assert error.fields == {"signed": 1, "quorum": 2, "trusted": 3}
    world = new_world(SEEDS[:1])
    driver = new_driver(world, directory_keys=KEYS, directory_quorum=1)
    await driver.connect()
    await driver.close()
    world.stop()
    assert isinstance(await refusal(new_world(SEEDS[:2]), directory_keys=KEYS, directory_quorum=3), NoQuorum)


@virtual_time
async def test_a_directory_that_signs_nothing_is_told_as_that():
    assert isinstance(await refusal(new_world([]), directory_keys=KEYS), UnsignedDirectory)


@virtual_time
async def test_a_changed_document_is_refused():
    world = new_world(SEEDS)
    world.documents["snapshot"] = world.signed_snapshot().replace(b'"mix_port":', b'"mix_port":1', 1)
    assert isinstance(await refusal(world, directory_keys=KEYS), NoQuorum)


@virtual_time
async def test_an_old_snapshot_is_refused():
    world = new_world(SEEDS)
    world.documents["snapshot"] = world.signed_snapshot()
    await asyncio.sleep(3700)
    assert isinstance(await refusal(world, directory_keys=KEYS), SnapshotExpired)


@virtual_time
async def test_a_tunnel_keeps_what_was_signed_while_its_directory_lies():
    world = new_world(SEEDS)
    driver = new_driver(world, directory_keys=KEYS)
    await driver.connect()
    topology = driver._session.engine.mixnet.topology
    world.signers = SEEDS[:1]
    await asyncio.sleep(700)
    assert len(world.requests) > 2
    assert driver._session.engine.mixnet.topology is topology
    await driver.close()
    world.stop()


@virtual_time
async def test_a_pinned_exit_is_found_in_what_is_signed():
    world = new_world(SEEDS)
    recipient = world.exits[0].recipient.to_text()
    driver = new_driver(world, directory_keys=KEYS, preferred_ipr=recipient)
    await driver.connect()
    assert len(world.requests) == 1
    await driver.close()
    world.stop()
