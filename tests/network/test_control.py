"""Commands for a running network, from other programs."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.processes import BIN, first_line, running
from support.waiting import PATIENCE_S

from mix_network.control.client import send_command
from mix_network.control.errors import CommandFailed, NetworkNotRunning
from mix_network.control.messages import MAX_LINE_BYTES, Command
from mix_network.control.place import socket_path
from mix_network.control.server import ControlServer
from mix_network.local_network import LocalNetwork

MIX_NETWORK = str(BIN / "mix-network")


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [MIX_NETWORK, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=2 * PATIENCE_S, check=False)


def status(*arguments: str) -> dict[str, Any]:
    done = run("status", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def states() -> dict[str, str]:
    told = send_command(socket_path("local"), Command("status"))
    return {node["name"]: node["state"] for node in told["nodes"]}


def test_every_command_does_what_it_says():
    with running([MIX_NETWORK, "up", "--json", "--mixes", "3x2"]) as process:
        described = json.loads(first_line(process))
        assert described["name"] == "local"
        mode = socket_path("local").stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600
        told = status()
        assert {key: told[key] for key in described} == described
        assert told["pid"] == process.pid
        assert set(states().values()) == {"running"}

        assert run("add", "mix", "--layer", "2").stdout == "mix-2-3\n"
        for verb, node, state in (
            ("kill", "mix-1-1", "killed"),
            ("restart", "mix-1-1", "running"),
            ("stop", "exit", "stopped"),
            ("resume", "exit", "running"),
            ("slow", "entry", "slow"),
            ("resume", "entry", "running"),
        ):
            done = run(verb, node)
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
            assert states()[node] == state
        rotation = told["epoch"]["rotation"]
        assert run("rotate-keys").stdout == f"{rotation + 1}\n"
        shown = run("status").stdout
        assert f"key rotation {rotation + 1}" in shown
        assert "mix-2-3" in shown

        wrong = run("kill", "mix-9")
        assert wrong.returncode == 1
        assert "no node of that name" in wrong.stderr
        assert "mix-1-1" in wrong.stderr
        assert "there is no 'latency'" in run("slow", "exit", "--link", "latency=1s").stderr
        assert process.errors == []
    assert not socket_path("local").exists()


def test_several_networks_are_told_apart():
    with (
        running([MIX_NETWORK, "up", "--json"]) as first,
        running([MIX_NETWORK, "up", "--json", "--name", "other"]) as second,
    ):
        for process in (first, second):
            first_line(process)
        unclear = run("status", "--json")
        assert unclear.returncode == 1
        assert "local, other" in unclear.stderr
        assert status("--network", "other")["pid"] == second.pid
        assert status("-n", "local")["pid"] == first.pid
        taken = run("up", "--json", "--name", "other")
        assert (taken.returncode, taken.stdout) == (1, "")
        assert "--name" in taken.stderr


def test_without_a_network_it_is_told_how_to_start_one():
    done = run("status")
    assert done.returncode == 1
    assert "mix-network up" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_network_that_was_killed_leaves_nothing_in_the_way():
    with running([MIX_NETWORK, "up", "--json"]) as process:
        first_line(process)
        process.kill()
        process.wait()
    assert socket_path("local").exists()
    assert run("kill", "mix-1").returncode == 1
    with running([MIX_NETWORK, "up", "--json"]) as process:
        assert json.loads(first_line(process))["name"] == "local"
        assert status()["pid"] == process.pid


async def test_garbage_ends_its_own_connection_and_nothing_else():
    async with LocalNetwork() as network:
        path = socket_path("local")
        server = ControlServer(network, path, {})
        await server.start()

        async def say(data: bytes) -> bytes:
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(data)
            writer.write_eof()
            answer = await reader.read()
            writer.close()
            return answer

        for garbage in (b"", b"\n", b"[]\n", b'{"verb":"explode"}\n', os.urandom(5000) + b"\n", b"[" * 5000 + b"\n"):
            answer = await say(garbage)
            assert answer == b"" or json.loads(answer)["failure"]["code"] == "codec.malformed"
        with_layer = await say(b'{"verb":"add-mix","layer":99}\n')
        assert json.loads(with_layer)["failure"]["code"] == "network.fault_unsupported"
        silent = socket.socket(socket.AF_UNIX)
        silent.connect(str(path))
        assert (await asyncio.to_thread(send_command, path, Command("add-mix")))["node"] == "mix-1-2"
        with pytest.raises(CommandFailed) as caught:
            await asyncio.to_thread(send_command, path, Command("slow", "mix-1", link="latency=1s"))
        assert caught.value.fields["cause"] == "network.invalid_option"
        silent.close()
        await server.close()
        with pytest.raises(NetworkNotRunning):
            await asyncio.to_thread(send_command, path, Command("status"))


async def test_a_line_without_end_is_not_read_for_ever():
    async with LocalNetwork() as network:
        server = ControlServer(network, socket_path("local"), {})
        await server.start()
        _, writer = await asyncio.open_unix_connection(socket_path("local"))
        # The other end stops reading at twice the limit, and closes.

        async def say_too_much() -> None:
            for _ in range(64):
                writer.write(bytes(MAX_LINE_BYTES))
                await writer.drain()

        with pytest.raises(ConnectionError):
            await say_too_much()
        writer.close()
        await server.close()
