"""Identities that Python programs keep: real files, a real gateway, one process after the other."""

from __future__ import annotations

import asyncio
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions
from mix_protocol.codec import base58
from mix_tunnel.options import TunnelOptions
from mix_tunnel.tunnel import Tunnel

PASSPHRASE = "correct horse battery staple"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the identities lie."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path / "mix-tunnel"


@pytest.fixture
async def network() -> AsyncIterator[LocalNetwork]:
    async with LocalNetwork(NetworkOptions(dns="none", entries=2)) as running:
        yield running


async def use(network: LocalNetwork, **options: Any) -> list[str]:
    """Set a tunnel up and close it; gives the warnings' reasons."""
    settings: dict[str, Any] = {
        "directory_url": network.directory_url,
        "storage_passphrase": PASSPHRASE,
        "preferred_gateway": base58.encode(network.entry.identity.public),
        "disable_poisson_traffic": True,
        "disable_cover_traffic": True,
        **options,
    }
    async with await Tunnel.connect(TunnelOptions(**settings)) as tunnel:
        return [str(warning.fields["reason"]) for warning in tunnel.state.warnings]


def known(network: LocalNetwork) -> set[bytes]:
    """The clients that the first entry gateway knows."""
    return {record.identity for record in network.entry.clients}


def identity_file(folder: Path) -> Path:
    [path] = folder.glob("*.identity")
    return path


def modes(folder: Path) -> dict[str, int]:
    """The permissions of the folder and of what is in it, by suffix; nothing if there is none."""
    paths = [folder, *folder.iterdir()] if folder.exists() else []
    return {path.suffix: stat.S_IMODE(path.stat().st_mode) for path in paths}


async def test_the_file_is_for_its_owner_alone_and_the_next_process_is_the_same_client(network, folder: Path):
    assert await use(network) == []
    alone = {"": 0o700, ".identity": 0o600, ".lock": 0o600}
    assert modes(folder) == alone
    [identity] = known(network)
    for secret in (identity, PASSPHRASE.encode()):
        assert secret not in identity_file(folder).read_bytes()
    program = (
        "import asyncio\n"
        "from mix_tunnel.options import TunnelOptions\n"
        "from mix_tunnel.tunnel import Tunnel\n"
        "async def main():\n"
        f"    options = TunnelOptions(directory_url={network.directory_url!r}, storage_passphrase={PASSPHRASE!r},\n"
        f"        preferred_gateway={base58.encode(network.entry.identity.public)!r})\n"
        "    async with await Tunnel.connect(options) as tunnel:\n"
        "        print([warning.code for warning in tunnel.state.warnings])\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert (await process.communicate())[0].strip() == b"[]"
    assert known(network) == {identity}
    assert modes(folder) == alone  # and nothing half-written


async def test_without_a_passphrase_nothing_is_written(network, folder: Path):
    for _ in range(2):
        assert await use(network, storage_passphrase=None) == []
    assert len(known(network)) == 2
    assert modes(folder) == {}


async def test_a_wrong_passphrase_and_a_damaged_file_are_warnings(network, folder: Path):
    await use(network)
    assert await use(network, storage_passphrase="a typing error") == ["wrong_passphrase"]
    assert await use(network) == []
    assert len(known(network)) == 2
    for damage in (b"", b"\0" * 100_000, identity_file(folder).read_bytes()[:-1][::-1]):
        identity_file(folder).write_bytes(damage)
        assert await use(network) == ["unreadable"]
        assert await use(network) == []
    assert len(known(network)) == 5


async def test_a_file_that_cannot_be_read_or_replaced_is_a_warning(network, folder: Path):
    await use(network)
    path = identity_file(folder)
    path.unlink()
    path.mkdir()
    assert set(await use(network)) == {"no_storage"}


async def test_a_gateway_that_forgot_the_identity_takes_it_again(network):
    await use(network)
    [identity] = known(network)
    await network.entry.restart(forgets_clients=True)
    assert known(network) == set()
    assert await use(network) == []
    assert known(network) == {identity}
    assert await use(network) == []


async def test_a_kept_client_moves_when_its_gateway_is_gone_and_finds_back(network):
    await use(network, preferred_gateway=None)
    [home] = [gateway for gateway in network.entries if len(gateway.clients)]
    [other] = [gateway for gateway in network.entries if gateway is not home]
    await home._listener.close()
    assert await use(network, preferred_gateway=None) == []
    assert {record.identity for record in other.clients} == {record.identity for record in home.clients}
