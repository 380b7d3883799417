"""`mix-network up --processes`: programs that are killed, stopped and restarted while a tunnel is used."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.processes import BIN, first_line, running
from support.servers import pattern, serve_http
from support.waiting import PATIENCE_S, until

from mix_network.control.client import send_command
from mix_network.control.errors import CommandFailed
from mix_network.control.messages import Command
from mix_network.control.place import socket_path
from mix_network.processes.folder import remove_abandoned, temporary_folder
from mix_tunnel.options import TunnelOptions
from mix_tunnel.runtime.http.request import HttpRequest
from mix_tunnel.tunnel import Tunnel

MIX_NETWORK = str(BIN / "mix-network")
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}
BODY = pattern(100_000)


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)  # it was asked for before
    return


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [MIX_NETWORK, *arguments], capture_output=True, text=True, timeout=2 * PATIENCE_S, check=False
    )


def status() -> dict[str, Any]:
    return send_command(socket_path("local"), Command("status"))


def order(verb: Any, name: str = "", link: str = "") -> dict[str, Any]:
    return send_command(socket_path("local"), Command(verb, name, link=link))


def node(name: str) -> dict[str, Any]:
    return next(each for each in status()["nodes"] if each["name"] == name)


def rotations_of(directory: str) -> set[int]:
    """Of which rotations the keys are that nodes have said are in force."""
    described = httpx.get(f"{directory}/v1/nym-nodes/described", timeout=PATIENCE_S).json()["data"]
    keys = [each["description"]["host_information"]["keys"] for each in described]
    return {each["current_x25519_sphinx_key"]["rotation_id"] for each in keys}


async def status_of(url: str, **headers: str) -> int:
    async with httpx.AsyncClient(timeout=PATIENCE_S) as client:
        return (await client.get(url, headers=headers)).status_code


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_tunnel_goes_on_while_programs_are_killed_and_come_back(tmp_path: Path):
    up = [MIX_NETWORK, "up", "--processes", "--json", "--mixes", "3x1", "--epoch", "1h", "--allow-local"]
    up += ["--link", "delay=2ms"]
    with serve_http({"/": ("text/plain", BODY)}) as site, running(up) as process:
        network = json.loads(first_line(process))
        told = status()
        pids = [each["pid"] for each in told["nodes"]]
        assert len(set(pids)) == 5
        assert sorted(each["layer"] for each in told["nodes"] if "layer" in each) == [1, 2, 3]
        assert {each["state"] for each in told["nodes"]} == {"running"}
        assert await status_of(network["status"]) == 200
        gateway = network["entry_gateways"][0]["ws"].replace("ws:", "http:")
        assert await status_of(gateway, **UPGRADE, Origin="https://evil.example") == 403

        options = TunnelOptions(
            directory_url=network["directory"]["http"], disable_cover_traffic=True, disable_poisson_traffic=True
        )
        async with await Tunnel.connect(options) as tunnel:

            async def fetch() -> bytes:
                response = await tunnel.http.fetch(HttpRequest("GET", f"http://127.0.0.1:{site.port}/"))
                return b"".join([piece async for piece in response])

            assert await fetch() == BODY
            for name in ("mix-2", "entry"):
                before = node(name)["pid"]
                order("kill", name)
                assert node(name)["state"] == "killed"
                order("restart", name)
                after = node(name)
                assert after["state"] == "running"
                assert after["pid"] != before
                assert await fetch() == BODY
            order("stop", "exit")
            assert node("exit")["state"] == "stopped"
            order("resume", "exit")
            assert await fetch() == BODY
            assert network["link"] == status()["link"] == "delay=2ms"
            order("slow", "mix-2", "loss=90%")
            assert node("mix-2")["state"] == "slow"
            await until(lambda: node("mix-2")["dropped"].get("link_loss", 0) > 0)  # of nodes' cover
            order("resume", "mix-2")
            order("set-link", link="none")
            assert await fetch() == BODY
            assert (node("mix-2")["state"], status()["link"]) == ("running", "none")

            rotation = order("rotate-keys")["rotation"]
            await until(lambda: status()["epoch"]["rotation"] == rotation)
            assert await fetch() == BODY  # by the former keys
            # Who replies on newer keys than it knows can't make an acknowledgement that comes back.
            await until(lambda: rotations_of(network["directory"]["http"]) == {rotation})
            async with await Tunnel.connect(options) as tunnel:
                assert await fetch() == BODY
        assert [each["malformed"] for each in status()["nodes"]] == [0] * 5
        with pytest.raises(CommandFailed, match="directory"):
            order("slow", "directory")
        assert order("add-mix")["node"] == "mix-4"
        pids = [each["pid"] for each in status()["nodes"]]
        assert len(pids) == 6
        assert all(map(is_alive, pids))
        assert "mix-network-" in " ".join(os.listdir(tmp_path))
    assert process.returncode == 0
    assert process.errors == []
    assert not any(map(is_alive, pids))
    assert all(name == "mix-network" for name in os.listdir(tmp_path) if name.startswith("mix-network"))


STARTS_A_PROGRAM = """
import asyncio, time
from mix_network.options import NetworkOptions
from mix_network.processes.folder import temporary_folder
from mix_network.processes.homes import write_directory_home
from mix_network.processes.program import Program

with temporary_folder() as folder:
    write_directory_home(folder / "home", NetworkOptions(), 0, 3)
    program = Program("directory", folder / "home")
    asyncio.run(program.start())
    print(program.pid, flush=True)
    time.sleep(1000)
"""


async def test_no_program_outlives_the_one_that_started_it_however_that_ends(tmp_path: Path):
    starter = await asyncio.create_subprocess_exec(sys.executable, "-c", STARTS_A_PROGRAM, stdout=subprocess.PIPE)
    assert starter.stdout is not None
    pid = int(await asyncio.wait_for(starter.stdout.readline(), PATIENCE_S))
    assert is_alive(pid)
    os.kill(pid, signal.SIGSTOP)
    (left,) = os.listdir(tmp_path)
    assert remove_abandoned(tmp_path) == []
    starter.kill()
    await starter.wait()
    await until(lambda: not is_alive(pid))
    assert os.listdir(tmp_path) == [left]
    with temporary_folder() as new:
        assert os.listdir(tmp_path) == [new.name] != [left]
    assert os.listdir(tmp_path) == []


def test_what_it_does_not_have_is_told():
    done = command("up", "--processes", "--workers", "2")
    assert done.returncode == 1
    assert "option workers" in done.stderr
    assert "--ca-out" in command("up", "--processes", "--ca-out", "ca.pem").stderr
