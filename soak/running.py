"""One run: a network, a site, a directory that may lie, client processes, and faults one after the other."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
import time
import uuid
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mix_network.control.client import send_command
from mix_network.control.messages import Command
from mix_network.control.place import socket_path
from soak.clients import Task, Transfer
from soak.directory import Directory, Honesty
from soak.faults import Fault, Shape, plan
from soak.report import Happened, Report, make_report, recovered_after
from soak.site import Site, serve_site
from soak.watch import Watch, homes_of, programs_of

TRANSFERS = Path("build/soak-transfers.jsonl")
_PROGRAM = str(Path(sys.executable).with_name("mix-network"))
_SITE, _ADDRESS = "site.test", "127.0.0.1"
_FED_S, _HUNGRY_S = 0.1, 0.4
_READY_S = 90.0
_END_S = 90.0
_PATIENCE_S = 180.0
"""For every client to get over a fault: an exit that is gone is given up after 65 s at most, then others are tried."""
_EXCEPTION = re.compile(r"[A-Za-z_.]+(Error|Exception)\b")

Say = Callable[[str], None]


class Network:
    """A running `mix-network up`, and its control socket."""

    def __init__(self, process: asyncio.subprocess.Process, name: str, described: dict[str, Any]) -> None:
        self.pid = process.pid
        self.directory_url: str = described["directory"]["http"]
        self._socket = socket_path(name)

    async def command(self, command: Command) -> dict[str, Any]:
        """Order something."""
        return await asyncio.to_thread(send_command, self._socket, command)

    async def names(self) -> dict[str, list[str]]:
        """The nodes' names by role."""
        status = await self.command(Command("status"))
        names = [*(node["name"] for node in status["nodes"]), *status.get("programs", ())]
        return {
            role: [name for name in names if name.startswith(role)] for role in ("mix", "entry", "exit", "directory")
        }


async def run(shape: Shape, *, seed: int, say: Say) -> Report:
    """Do one run."""
    crashes: list[str] = []
    async with _network(shape, seed, crashes) as network, serve_site() as site:
        directory = Directory(network.directory_url, os.urandom)
        async with directory.serve():
            faults = plan(shape, await network.names(), seed)
            say(f"{shape.clients} clients, {len(faults)} faults")
            transfers: list[Transfer] = []
            async with contextlib.AsyncExitStack() as running:
                workers = [
                    await running.enter_async_context(_clients(shape, number, site, directory, transfers, crashes))
                    for number in range(shape.processes)
                ]
                pids = {f"clients {number}": worker.pid for number, worker in enumerate(workers, 1)}
                watch = Watch(lambda: {"network": network.pid, **programs_of(network.pid), **pids})
                watching = asyncio.create_task(watch.run())
                try:
                    await _everybody_recovered(shape, time.monotonic(), transfers)
                    happened = [await _happen(shape, network, directory, fault, transfers, say) for fault in faults]
                finally:
                    watching.cancel()
                    crashes += _exceptions_in_logs(network.pid)
    _write_down(transfers)
    return make_report(shape.clients, transfers, happened, watch.samples, crashes)


def _write_down(transfers: list[Transfer]) -> None:
    """Keep all of them, for whoever wants to find out."""
    TRANSFERS.parent.mkdir(exist_ok=True)
    TRANSFERS.write_text("".join(json.dumps(asdict(each)) + "\n" for each in transfers))


async def _happen(
    shape: Shape, network: Network, directory: Directory, fault: Fault, transfers: list[Transfer], say: Say
) -> Happened:
    """Let a fault happen, undo it, and wait until everybody has got over it."""
    began = time.monotonic()
    await _do(network, directory, fault)
    if fault.verb == "starve":
        await _starve(network, fault)
    else:
        await asyncio.sleep(fault.lasts_s)
    await _undo(network, directory, fault)
    await _everybody_recovered(shape, began, transfers)
    await asyncio.sleep(shape.calm_s)
    said = " ".join(filter(None, (fault.kind, fault.node and f"({fault.node})")))
    say(f"{said}: {time.monotonic() - began:.0f} s, {len(transfers)} transfers so far")
    return Happened(fault, began)


async def _everybody_recovered(shape: Shape, moment: float, transfers: list[Transfer]) -> None:
    """Wait until each client has made a transfer that it began behind a moment; not for ever."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE_S):
            while len(recovered_after(moment, transfers)) < shape.clients:  # noqa: ASYNC110 -- they tell by pipes
                await asyncio.sleep(0.2)


async def _starve(network: Network, fault: Fault) -> None:
    """Let a program run a fifth of the time."""
    ends_at = time.monotonic() + fault.lasts_s
    while time.monotonic() < ends_at:
        await network.command(Command("stop", fault.node))
        await asyncio.sleep(_HUNGRY_S)
        await network.command(Command("resume", fault.node))
        await asyncio.sleep(_FED_S)


async def _do(network: Network, directory: Directory, fault: Fault) -> None:
    if fault.verb == "link":
        await network.command(Command("set-link", link=fault.link))
    elif fault.verb == "directory":
        directory.honesty = fault.honesty
        await network.command(Command("kill", fault.node))
    elif fault.verb == "rotate-keys":
        await network.command(Command("rotate-keys"))
    elif fault.verb == "kill":
        await network.command(Command("kill", fault.node))
    elif fault.verb == "starve":
        pass
    elif fault.verb == "stop":
        await network.command(Command("stop", fault.node))
    else:
        await network.command(Command("slow", fault.node, link=fault.link))


async def _undo(network: Network, directory: Directory, fault: Fault) -> None:
    if fault.verb == "link":
        await network.command(Command("set-link", link="none"))
    elif fault.verb in ("kill", "directory"):
        await network.command(Command("restart", fault.node))
        directory.honesty = Honesty.HONEST
    elif fault.verb in ("stop", "slow"):
        await network.command(Command("resume", fault.node))


@contextlib.asynccontextmanager
async def _network(shape: Shape, seed: int, crashes: list[str]) -> AsyncIterator[Network]:
    name = f"soak-{uuid.uuid4().hex[:8]}"
    options = ["--json", "--name", name, "--mixes", shape.mixes, "--entries", "2", "--exits", "2", "--node-cover", "0"]
    options += ["--allow-local", *shape.epochs]
    if shape.programs:
        options.append("--processes")
    else:
        options += ["--host", f"{_SITE}={_ADDRESS}", "--dns", "none", "--link-seed", str(seed)]
    process = await asyncio.create_subprocess_exec(_PROGRAM, "up", *options, stdout=PIPE, stderr=PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    listening = asyncio.create_task(_listen(process.stderr, crashes))
    try:
        line = await asyncio.wait_for(process.stdout.readline(), _READY_S)
        yield Network(process, name, json.loads(line))
    finally:
        await _end(process, process.terminate)
        await listening


@contextlib.asynccontextmanager
async def _clients(
    shape: Shape, number: int, site: Site, directory: Directory, transfers: list[Transfer], crashes: list[str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """One process with its part of the clients; what they tell goes to `transfers`."""
    share = [shape.clients * part // shape.processes for part in (number, number + 1)]
    task = Task(
        directory_url=directory.url,
        host=_ADDRESS if shape.programs else _SITE,
        http_port=site.http_port,
        echo_port=site.echo_port,
        first=share[0],
        clients=share[1] - share[0],
        limit_s=shape.limit_s,
        pause_s=shape.pause_s,
        most_bytes=shape.most_bytes,
    )
    command = [sys.executable, "-m", "soak.clients"]
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.write(json.dumps(asdict(task)).encode() + b"\n")
    reading = asyncio.gather(_read(process.stdout, transfers), _listen(process.stderr, crashes))
    try:
        yield process
    finally:
        await _end(process, process.stdin.close)
        await reading


async def _read(lines: asyncio.StreamReader, transfers: list[Transfer]) -> None:
    async for line in lines:
        transfers.append(Transfer(**json.loads(line)))


async def _listen(lines: asyncio.StreamReader, crashes: list[str]) -> None:
    """Keep what a process says about exceptions: that it is to be reported, or a traceback's last line."""
    async for line in lines:
        text = line.decode("utf-8", "replace").strip()
        if _tells_of_exception(text):
            crashes.append(text)


def _exceptions_in_logs(pid: int) -> list[str]:
    """What programs have written into the logs in their homes, of the kind that `_listen` keeps."""
    logs = [home / "log.txt" for home in homes_of(pid).values()]
    return [
        f"{log.parent.name}: {line.strip()}"
        for log in logs
        if log.is_file()
        for line in log.read_text("utf-8", "replace").splitlines()
        if _tells_of_exception(line.strip())
    ]


def _tells_of_exception(line: str) -> bool:
    return "please report it" in line or _EXCEPTION.match(line) is not None


async def _end(process: asyncio.subprocess.Process, ask: Callable[[], None]) -> None:
    with contextlib.suppress(ProcessLookupError):
        ask()
    try:
        await asyncio.wait_for(process.wait(), _END_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
