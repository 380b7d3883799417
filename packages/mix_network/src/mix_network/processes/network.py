"""`mix-network up --processes`: the directory and every node as a program, as people run them on several machines."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware

from mix_network.errors import FaultUnsupported, InvalidNetworkOption, UnknownNode
from mix_network.http.server import HttpServer
from mix_network.lifecycle import Lifecycle
from mix_network.links.profile import parse_links
from mix_network.metrics import NodeMetrics, Role
from mix_network.naming import gateway_names, mix_names
from mix_network.options import NetworkOptions
from mix_network.origin_guard import OriginGuard
from mix_network.origins import Origins
from mix_network.processes.errors import NetworkIncomplete
from mix_network.processes.homes import HOST, write_directory_home, write_node_home
from mix_network.processes.observer import Observer, Sight
from mix_network.processes.program import Program
from mix_network.rehearsal import SLOW_LINK, NodeState
from mix_network.status_page.routes import PATH as STATUS_PATH
from mix_network.status_page.routes import status_routes
from mix_protocol.crash_log import CrashLog
from mix_protocol.topology.documents import KeyRotationInfo

DIRECTORY: Final = "directory"
_COMPLETE_S: Final = 60.0
_LOOK_S: Final = 1.0
_HASTY_LOOK_S: Final = 0.1
_ROLES: Final[dict[str, Role]] = {"mix": "mix-node", "entry": "entry-gateway", "exit": "exit-gateway"}
_ORDER: Final = ("entry", "mix", "exit")
_MEANINGLESS: Final = {
    "https_port": "the directory's https is for a proxy in front of it",
    "entry_port": "the ports of nodes are free ones",
    "exit_port": "the ports of nodes are free ones",
    "allow_origins": "gateways of their own, on loopback, serve pages of this machine alone",
    "hosts": "exits of their own know no other names than their system does",
    "mean_ack_delay_ms": "exits of their own ask for the usual delays",
    "pcap": "what exits forward is not captured",
    "workers": "every node is a process already",
    "trace": "nodes that are programs never tell which packet became which: to hide that is what mixnets are for",
}
"""Options of a network in one process that a network of programs does not have, and why."""

_CRASHES = CrashLog(logging.getLogger(__name__))


class ProcessNetwork(Lifecycle):
    """Starts and stops the programs; use it as an async context manager.

    It has started when the directory has put every node into its place, or raises `ProgramNotReady` or
    `NetworkIncomplete`.

    folder -- for their homes; it is the caller's to remove. Programs that are killed and restarted find their keys and
        state there again

    Raises `InvalidNetworkOption` for options that only a network in one process has.
    """

    def __init__(self, options: NetworkOptions, folder: Path, wall_clock: Callable[[], float] = time.time) -> None:
        usual = NetworkOptions()
        for name, why in _MEANINGLESS.items():
            if getattr(options, name) != getattr(usual, name):
                raise InvalidNetworkOption(f"{why}; leave it out, or --processes", option=name)
        self.options = options
        self._folder = folder
        self._wall_clock = wall_clock
        self._roles = {name: "mix" for name, _ in mix_names(options.nodes_per_layer, is_drawn=True)}
        self._roles |= dict.fromkeys(gateway_names("entry", options.entries), "entry")
        self._roles |= dict.fromkeys(gateway_names("exit", options.exits), "exit")
        self._programs = {name: Program("node", folder / name) for name in self._roles}
        self._programs[DIRECTORY] = Program("directory", folder / DIRECTORY)
        self._states = dict.fromkeys(self._programs, NodeState.RUNNING)
        self._link = "none"
        self._slowed: dict[str, str] = {}
        self._rotating: asyncio.Task[None] | None = None
        self._observer = Observer()
        self._sight: Sight | None = None
        self._counted_at = 0.0
        self._looking: asyncio.Task[None] | None = None
        self._page: HttpServer | None = None

    async def close(self) -> None:
        """End all programs."""
        for task in (self._looking, self._rotating):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        if self._page is not None:
            await self._page.close()
        await asyncio.gather(*(program.stop() for program in self._programs.values()))
        await self._observer.close()

    @property
    def directory_url(self) -> str:
        """The directory's API over http."""
        return f"http://{HOST}:{self._programs[DIRECTORY].told['http_port']}/api"

    @property
    def status_url(self) -> str:
        """A page with the network's picture; packets can't be followed through processes."""
        assert self._page is not None
        return f"http://{HOST}:{self._page.port}{STATUS_PATH}"

    @property
    def states(self) -> dict[str, NodeState]:
        """What each program is doing, by name; one that has ended by itself counts as killed."""
        return {
            name: state if self._programs[name].is_running else NodeState.KILLED for name, state in self._states.items()
        }

    def description(self) -> dict[str, Any]:
        """What a client must know of the network."""
        entries, exits = (
            [self._programs[name].told for name, role in self._roles.items() if role == kind]
            for kind in ("entry", "exit")
        )
        return {
            "directory": {"http": self.directory_url},
            "entry_gateways": [
                {"identity": told["identity"], "ws": f"ws://{HOST}:{told['ws_port']}"} for told in entries
            ],
            "exit_gateways": [
                {
                    "identity": told["identity"],
                    "ip_packet_router": self._sight.router_of(told["identity"]) if self._sight is not None else None,
                }
                for told in exits
            ],
            "link": self._link,
            "status": self.status_url,
        }

    def metrics(self) -> dict[str, Any]:
        """What was seen last, in the shape of `LocalNetwork.metrics`, without what exits don't tell."""
        assert self._sight is not None
        nodes = []
        states = self.states
        for name, role in sorted(self._roles.items(), key=lambda item: _ORDER.index(item[1])):
            counted = NodeMetrics(name, _ROLES[role]).snapshot() | self._observer.counters(name)
            layer = self._sight.layer_of(self._programs[name].told["identity"])
            places = {"layer": layer} if role == "mix" else {}
            nodes.append({**counted, **places, "state": states[name], "pid": self._programs[name].pid})
        epoch = self._sight.epoch(self._wall_clock())
        return {
            "link": self._link,
            "epoch": epoch,
            "counted_at": self._counted_at,
            "nodes": nodes,
            "programs": {DIRECTORY: states[DIRECTORY]},
        }

    async def add_mix(self, layer: int | None = None) -> str:
        """Start one more mix node; returns its name. It serves from the next epoch's draw on.

        Raises `FaultUnsupported` for a layer, which each epoch draws, and `ProgramNotReady`.
        """
        if layer is not None:
            raise FaultUnsupported("each epoch draws the layers; leave the layer out")
        number = 1 + sum(role == "mix" for role in self._roles.values())
        name = f"mix-{number}"
        program = Program("node", self._folder / name)
        write_node_home(program.home, name, "mix", self.options, self.directory_url, {}, self._link)
        await program.start()
        self._programs[name], self._roles[name], self._states[name] = program, "mix", NodeState.RUNNING
        self._write_home(name)
        return name

    async def kill(self, name: str) -> None:
        """End a program by SIGKILL. Raises `UnknownNode`."""
        await self._program(name).kill()
        self._become(name, NodeState.KILLED)

    async def restart(self, name: str) -> None:
        """End a program in order, if it still runs, and start it again with its home.

        Raises `UnknownNode`, `ProgramNotReady`.
        """
        program = self._program(name)
        await program.stop()
        self._become(name, NodeState.RUNNING)
        await program.start()

    def stop(self, name: str) -> None:
        """Send a program SIGSTOP. Raises `UnknownNode`, `FaultUnsupported` for one that is gone."""
        self._running(name).send(signal.SIGSTOP)
        self._become(name, NodeState.STOPPED)

    def slow(self, name: str, link: str = SLOW_LINK) -> None:
        """Let all that a node sends, and what it exchanges with clients, go over links like this.

        Raises `UnknownNode`, `InvalidNetworkOption`; `FaultUnsupported` for one that is gone, and for the directory.
        """
        program = self._running(name)
        if name == DIRECTORY:
            raise FaultUnsupported("the directory is asked over links that are as this machine is; stop it instead")
        self._become(name, NodeState.SLOW, parse_links(link).text)
        program.send(signal.SIGCONT)

    def resume(self, name: str) -> None:
        """Undo `stop` and `slow`. Raises `UnknownNode`, `FaultUnsupported` for one that is gone."""
        program = self._running(name)
        self._become(name, NodeState.RUNNING)
        program.send(signal.SIGCONT)

    def rotate_keys(self) -> int:
        """Change every node's Sphinx keys, as soon as all nodes have announced the next ones and in a minute at most;
        gives the new rotation's number. An epoch begins with it, during which the former keys still serve.

        Raises `FaultUnsupported` while the directory is away.
        """
        directory = self._running(DIRECTORY)
        assert self._sight is not None
        rotation = self._sight.rotation
        directory.send(signal.SIGUSR1)
        if self._rotating is not None:
            self._rotating.cancel()
        self._rotating = asyncio.create_task(self._spread_rotation(rotation))
        return rotation.progress.current_key_rotation_id + 1

    def set_link(self, link: str) -> None:
        """Make all nodes' links, open ones too, like this from now on. Raises `InvalidNetworkOption`."""
        self._link = parse_links(link).text
        for name in self._roles:
            self._tell_link(name)

    async def _start(self) -> None:
        mix_nodes = sum(role == "mix" for role in self._roles.values())
        directory = self._programs[DIRECTORY]
        await asyncio.to_thread(write_directory_home, directory.home, self.options, self.options.http_port, mix_nodes)
        told = await directory.start()
        # The port that was free has to be the same one when the directory is started again.
        write_directory_home(directory.home, self.options, told["http_port"], mix_nodes)
        for name, role in self._roles.items():
            write_node_home(self._programs[name].home, name, role, self.options, self.directory_url, {})
        async with asyncio.TaskGroup() as starts:
            for name in self._roles:
                starts.create_task(self._programs[name].start())
        for name in self._roles:
            self._write_home(name)
        try:
            async with asyncio.timeout(_COMPLETE_S):
                while True:
                    await asyncio.gather(self._look(), self._count())
                    if self._is_complete(mix_nodes):
                        break
                    await asyncio.sleep(_HASTY_LOOK_S)
        except TimeoutError:
            raise NetworkIncomplete() from None
        guard = Middleware(OriginGuard, Origins(only_local=True))
        app = Starlette(routes=status_routes(self._watch), middleware=[guard])
        self._page = HttpServer(app, host=HOST, port=0)
        await self._page.start()
        if self.options.link != self._link:
            self.set_link(self.options.link)
        self._looking = asyncio.create_task(self._keep_looking())

    def _is_complete(self, mix_nodes: int) -> bool:
        """Whether the directory has everybody in its place and, as far as their cover shows it, all know each other."""
        identities = [self._programs[name].told["identity"] for name in self._roles]
        if self._sight is None or not self._sight.has_all(identities, mix_nodes):
            return False
        loops = (self._observer.counters(name).get("loops_returned", 0) for name in self._roles)
        return not self.options.node_cover or all(loops)

    def _write_home(self, name: str) -> None:
        """Write a node's configuration, with the ports that it has got and the links that it has now."""
        program, link = self._programs[name], self._slowed.get(name, self._link)
        write_node_home(program.home, name, self._roles[name], self.options, self.directory_url, program.told, link)

    def _tell_link(self, name: str) -> None:
        self._write_home(name)
        self._programs[name].reload()

    def _become(self, name: str, state: NodeState, link: str | None = None) -> None:
        """Note what a program does; `link` is for one that is slow."""
        self._states[name] = state
        if link is not None:
            self._slowed[name] = link
            self._tell_link(name)
        elif self._slowed.pop(name, None) is not None:
            self._tell_link(name)

    async def _spread_rotation(self, before: KeyRotationInfo) -> None:
        """Let all nodes ask the directory as soon as it counts otherwise: they announce their next keys then.

        And once more when the keys have changed.
        """
        for value_of in (_start_of_epoch, _number_of_rotation):
            while self._sight is None or value_of(self._sight.rotation) == value_of(before):
                await asyncio.sleep(_HASTY_LOOK_S)
                await self._look()
            for name in self._roles:
                self._programs[name].reload()

    async def _look(self) -> None:
        self._sight = await self._observer.look(self.directory_url) or self._sight

    async def _count(self) -> None:
        # A program that is stopped would keep the others waiting.
        running = [name for name in self._roles if self.states[name] in (NodeState.RUNNING, NodeState.SLOW)]
        apis = {name: f"http://{HOST}:{self._programs[name].told['http_port']}" for name in running}
        await self._observer.count(apis)
        self._counted_at = time.monotonic()

    async def _keep_looking(self) -> None:
        while True:
            with _CRASHES.isolated("one look at the network"):
                await asyncio.gather(self._look(), self._count())
            await asyncio.sleep(_LOOK_S)

    def _watch(self, _: int) -> dict[str, Any]:
        return {**self.metrics(), "now": asyncio.get_running_loop().time(), "steps": [], "processes": True}

    def _program(self, name: str) -> Program:
        program = self._programs.get(name)
        if program is None:
            raise UnknownNode(nodes=", ".join(self._programs))
        return program

    def _running(self, name: str) -> Program:
        program = self._program(name)
        if not program.is_running:
            raise FaultUnsupported("that program is gone; restart it first")
        return program


def _start_of_epoch(rotation: KeyRotationInfo) -> float | None:
    return rotation.epoch_started_at


def _number_of_rotation(rotation: KeyRotationInfo) -> int:
    return rotation.progress.current_key_rotation_id
