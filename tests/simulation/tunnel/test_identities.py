"""Identities: fresh by default, kept on request, replaced with a warning when they are of no use."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from typing import Any

import pytest
from support.memory_exit import EchoInternet
from support.memory_internet import MemoryHost
from support.memory_platform import Fault, MemoryWorld
from support.simulated_tunnel import SimulatedTunnel
from support.virtual_time import virtual_time

from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.errors import MixError, UsageError
from mix_tunnel.options import TunnelOptions
from mix_tunnel.runtime.identity_record import MAX_IDENTITIES, IdentitySeal, join_records, split_records

PASSPHRASE = "correct horse battery staple"


def new_world() -> MemoryWorld:
    world = MemoryWorld(EchoInternet())
    world.add_exit(1)
    return world


def subject_in(world: MemoryWorld, **options: Any) -> SimulatedTunnel:
    settings = {
        "directory_url": "https://directory.example/api",
        "force_tls": False,
        "disable_poisson_traffic": True,
        "disable_cover_traffic": True,
        **options,
    }
    return SimulatedTunnel(world, MemoryHost(), TunnelOptions(**settings))


async def use(world: MemoryWorld, **options: Any) -> SimulatedTunnel:
    """Set a tunnel up and close it."""
    subject = subject_in(world, **options)
    await subject.driver.connect()
    await subject.driver.close()
    return subject


def registrations(world: MemoryWorld) -> int:
    return sum(gateway.registrations for gateway in world.gateways.values())


def identities(world: MemoryWorld) -> set[bytes]:
    return {record.identity for gateway in world.gateways.values() for record in gateway.registry}


def warnings(subject: SimulatedTunnel) -> list[Any]:
    return [warning.fields["reason"] for warning in subject.driver.state.warnings]


@virtual_time
async def test_by_default_every_tunnel_is_a_stranger_and_stores_nothing():
    world = new_world()
    for _ in range(3):
        assert warnings(await use(world)) == []
    assert len(identities(world)) == 3
    assert world.records == {}
    world.stop()


@virtual_time
async def test_with_a_passphrase_the_identity_and_its_gateway_are_kept():
    world = new_world()
    for _ in range(4):
        assert warnings(await use(world, storage_passphrase=PASSPHRASE)) == []
    assert registrations(world) == len(identities(world)) == 1
    [record] = world.records.values()
    for secret in (next(iter(identities(world))), PASSPHRASE.encode()):
        assert secret not in record
    assert world.locked == set()
    world.stop()


@virtual_time
async def test_the_keys_are_stored_as_soon_as_they_work_not_only_at_the_end():
    world = new_world()
    subject = subject_in(world, storage_passphrase=PASSPHRASE)
    await subject.driver.connect()
    assert len(world.records) == 1
    before = dict(world.records)
    gateway = subject.gateway
    gateway.registry._records.clear()
    gateway.drop_all()
    await subject.until_noticed()
    await subject.until_ready()
    assert world.records != before
    await subject.driver.close()
    world.stop()


@virtual_time
async def test_client_ids_are_kept_apart():
    world = new_world()
    for client_id in ("a", "b", "a", "b"):
        await use(world, storage_passphrase=PASSPHRASE, client_id=client_id)
    assert len(identities(world)) == len(world.records) == 2
    world.stop()


@virtual_time
async def test_a_wrong_passphrase_means_another_identity_a_warning_and_no_loss():
    world = new_world()
    await use(world, storage_passphrase=PASSPHRASE)
    [first] = identities(world)
    subject = await use(world, storage_passphrase="guess")
    [warning] = subject.driver.state.warnings
    assert warning.code == "tunnel.identity_not_kept"
    assert warning.fields["reason"] == "wrong_passphrase"
    assert "storage_passphrase" in str(warning)
    assert "guess" not in repr(warning)
    assert len(identities(world)) == 2
    for passphrase in (PASSPHRASE, "guess", PASSPHRASE):  # from now on, either opens its own
        assert warnings(await use(world, storage_passphrase=passphrase)) == []
    assert identities(world) > {first}
    assert registrations(world) == len(identities(world)) == 2
    assert world.locked == set()
    world.stop()


@virtual_time
async def test_only_the_identities_used_last_stay_stored():
    world = new_world()
    for number in range(MAX_IDENTITIES + 1):
        await use(world, storage_passphrase=f"passphrase {number}")
    for number in range(MAX_IDENTITIES, 0, -1):
        assert warnings(await use(world, storage_passphrase=f"passphrase {number}")) == []
    assert warnings(await use(world, storage_passphrase="passphrase 0")) == ["wrong_passphrase"]
    [record] = world.records.values()
    assert len(split_records(record)) == MAX_IDENTITIES
    world.stop()


@virtual_time
async def test_a_damaged_record_is_replaced_with_a_warning():
    world = new_world()
    await use(world, storage_passphrase=PASSPHRASE)
    [(name, record)] = world.records.items()
    wrong_keys = IdentitySeal.new(NativeCrypto(), os.urandom, PASSPHRASE).close(NativeCrypto(), os.urandom, b"no keys")
    changed = record[:20] + bytes([record[20] ^ 1]) + record[21:]
    for damaged in (b"", b"nonsense", record[:-1], changed, join_records([wrong_keys]), bytes(100_000)):
        world.records[name] = damaged
        subject = await use(world, storage_passphrase=PASSPHRASE)
        assert warnings(subject) == ["unreadable"]
        assert any(state.warnings and state.phase == "connecting" for state in subject.states)
        assert warnings(await use(world, storage_passphrase=PASSPHRASE)) == []
    world.stop()


@virtual_time
async def test_two_tunnels_at_once_do_not_share_a_stored_identity():
    world = new_world()
    async with AsyncExitStack() as stack:
        subjects = [subject_in(world, storage_passphrase=PASSPHRASE) for _ in range(2)]
        for subject in subjects:
            await subject.driver.connect()
            stack.push_async_callback(subject.driver.close)
        assert [warnings(subject) for subject in subjects] == [[], ["in_use"]]
        assert len(identities(world)) == 2
    assert warnings(await use(world, storage_passphrase=PASSPHRASE)) == []
    assert len(identities(world)) == 2
    world.stop()


@virtual_time
async def test_without_storage_the_tunnel_works_and_says_so():
    world = new_world()
    world.has_disk = False
    assert warnings(await use(world, storage_passphrase=PASSPHRASE)) == ["no_storage"]
    world.has_disk, world.is_disk_full = True, True
    assert set(warnings(await use(world, storage_passphrase=PASSPHRASE))) == {"not_saved"}
    assert world.locked == set()
    world.stop()


@virtual_time
async def test_a_gateway_that_forgot_or_is_gone_is_no_dead_end():
    world = new_world()
    await use(world, storage_passphrase=PASSPHRASE)
    [home] = [gateway for gateway in world.gateways.values() if gateway.registrations]
    home.registry._records.clear()
    await use(world, storage_passphrase=PASSPHRASE)
    assert home.registrations == 2
    home.fault = Fault.REFUSES
    await use(world, storage_passphrase=PASSPHRASE)
    assert registrations(world) == 3
    world.stop()


@virtual_time
async def test_a_failed_set_up_keeps_the_identity_and_frees_the_record():
    world = new_world()
    await use(world, storage_passphrase=PASSPHRASE)
    world.is_reachable = False
    with pytest.raises(MixError):
        await use(world, storage_passphrase=PASSPHRASE)
    assert world.locked == set()
    world.is_reachable = True
    await use(world, storage_passphrase=PASSPHRASE)
    assert registrations(world) == 1
    world.stop()


def test_a_passphrase_is_checked_and_never_shown():
    assert PASSPHRASE not in repr(TunnelOptions(storage_passphrase=PASSPHRASE))
    for wrong in ("", 5, "x" * 1025, "\ud800", b"bytes"):
        with pytest.raises(UsageError) as caught:
            TunnelOptions(storage_passphrase=wrong)  # type: ignore[arg-type]
        assert caught.value.fields["option"] == "storage_passphrase"
