"""A whole mixnet in one process: directory, entry gateways, mix nodes in three layers and exit gateways on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, BinaryIO

from mix_network.descriptors import DescriptorBudget, descriptor_limit
from mix_network.directory.app import create_app
from mix_network.directory.certificates import ServerCertificate, issue_server_certificate
from mix_network.directory.draw import SEED_LENGTH
from mix_network.directory.local_directory import LocalDirectory
from mix_network.directory.server import DirectoryServer
from mix_network.errors import FaultUnsupported
from mix_network.exit.gateway import ExitGateway, Gateway
from mix_network.lifecycle import Lifecycle
from mix_network.links.line import LinkEmulation
from mix_network.metrics import add_up
from mix_network.mixnode.mixing import NodeContext, PacketTracer
from mix_network.mixnode.outgoing import OutgoingLimits
from mix_network.naming import LAYERS, gateway_names, mix_names, next_mix_name
from mix_network.network_view import NetworkView
from mix_network.node_factory import NodeFactory
from mix_network.options import MAX_NODES_PER_LAYER, NetworkOptions
from mix_network.rehearsal import SLOW_LINK, NodeState, Rehearsal
from mix_network.rotation import RotationSchedule
from mix_network.status_page.route_tracer import RouteTracer
from mix_network.status_page.routes import PATH as STATUS_PATH
from mix_network.status_page.routes import status_routes
from mix_network.tracing.export import BothTracers, traces_to
from mix_network.workers.channel import Kind
from mix_network.workers.messages import Place
from mix_network.workers.pool import WorkerPool
from mix_protocol.addressing import NodeAddress
from mix_protocol.codec import base58
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.netstack.pcap import PcapFile

_HOST = "127.0.0.1"
_CERTIFICATE_NAMES = ("localhost", "127.0.0.1", "::1")
_REFRESH_S = 60.0
_LIMITS = OutgoingLimits(backoff_initial_s=0.25, backoff_max_s=2.0)
"""On one machine a node that was restarted is back at once, and nobody else is bothered by attempts to reach it."""


class LocalNetwork(Lifecycle):
    """Starts and stops the network; use it as an async context manager.

    It has started when the directory answers, or raises `PortUnavailable`. Attributes are there from then on:
    `directory_url`, `entries`, `exits`, `mix_nodes` …
    """

    def __init__(
        self,
        options: NetworkOptions | None = None,
        *,
        random: RandomBytes = os.urandom,
        schedule: RotationSchedule | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.options = options or NetworkOptions()
        self.certificate: ServerCertificate = issue_server_certificate(
            _CERTIFICATE_NAMES, datetime.datetime.now(datetime.UTC)
        )
        self._random = random
        self._wall_clock = wall_clock
        # Its own, for `rotate_keys` moves it.
        self._schedule = replace(schedule or self.options.schedule)
        self._crypto = NativeCrypto()
        self._links = LinkEmulation(self.options.link, self.options.link_seed)
        self._tracer = RouteTracer()
        self._traces = traces_to(self.options.trace, wall_clock) if self.options.trace is not None else None
        self.view = NetworkView()
        gateways = self.options.entries + self.options.exits
        names = mix_names(self.options.nodes_per_layer, is_drawn=self.draws_layers)
        self._budget = DescriptorBudget.of(
            descriptor_limit(), exits=self.options.exits, gateways=gateways, nodes=gateways + len(names)
        )
        self._context = NodeContext(
            self._crypto,
            self.view,
            self._schedule,
            wall_clock,
            _HOST,
            _LIMITS,
            self._links,
            self._budget,
            self.options.origins,
            self.options.node_cover,
            tracer=self._packet_tracer(),
        )
        self._pool = (
            WorkerPool(self._context, self.options, wall_clock() - time.time()) if self.options.workers else None
        )
        self._make = NodeFactory(self._context, self.options, random, self._pool)
        self.mix_nodes = [self._make.mix_node(name, layer) for name, layer in names]
        self.entries = [self._make.entry(name) for name in gateway_names("entry", self.options.entries)]
        self.exits = [self._make.exit(name) for name in gateway_names("exit", self.options.exits)]
        seed = random(SEED_LENGTH) if self.draws_layers else None
        self._local_directory = LocalDirectory(self.options.advertise_version, self._schedule, wall_clock, seed)
        self._rehearsal = Rehearsal(self._links, self._local_directory.set_away)
        for node in (*self.mix_nodes, *self.entries):
            self._rehearsal.add(node.metrics.name, node)
        for exit_gateway in self.exits:
            self._rehearsal.add(exit_gateway.gateway.metrics.name, exit_gateway)
        self._directory: DirectoryServer | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._capture: BinaryIO | None = None

    async def close(self) -> None:
        """Stop every node."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._refreshing
        # Together, for each of them may wait a while for clients that hold on.
        await asyncio.gather(
            *([self._directory.close()] if self._directory is not None else []),
            *(node.close() for node in self.exits),
            *(gateway.close() for gateway in self._gateways),
            *(node.close() for node in self.mix_nodes),
        )
        if self._pool is not None:
            await self._pool.close()
        if self._capture is not None:
            self._capture.close()
        if self._traces is not None:
            await asyncio.to_thread(self._traces.close)

    @property
    def entry(self) -> Gateway:
        """The first entry gateway."""
        return self.entries[0]

    @property
    def exit(self) -> ExitGateway:
        """The first exit gateway."""
        return self.exits[0]

    @property
    def draws_layers(self) -> bool:
        """Whether each epoch puts the mix nodes into layers anew."""
        return self.options.epoch_s is not None

    @property
    def _gateways(self) -> list[Gateway]:
        return [*self.entries, *(node.gateway for node in self.exits)]

    @property
    def directory_url(self) -> str:
        """The directory's API over http."""
        assert self._directory is not None
        return f"http://{_HOST}:{self._directory.http_port}/api"

    @property
    def directory_https_url(self) -> str:
        """The directory's API over https; `certificate.authority_pem` vouches for it."""
        assert self._directory is not None
        return f"https://{_HOST}:{self._directory.https_port}/api"

    @property
    def status_url(self) -> str:
        """A page with the network's picture, on which packets are seen as they go."""
        assert self._directory is not None
        return f"http://{_HOST}:{self._directory.http_port}{STATUS_PATH}"

    @property
    def link(self) -> str:
        """What the links are like now, as it was written: `none`, `mobile`, `delay=80ms` …"""
        return self._links.links.text

    def set_link(self, link: str) -> None:
        """Make all links, open ones too, like this from now on; what is on its way still arrives as it would have.

        Raises `InvalidNetworkOption`, and leaves them as they are, for what describes no link.
        """
        self._links.change(link)
        if self._pool is not None:
            self._pool.tell(Kind.LINK, 0, link.encode())

    @property
    def states(self) -> dict[str, NodeState]:
        """What each node is doing, by name."""
        return self._rehearsal.states

    async def add_mix(self, layer: int | None = None) -> str:
        """Add a mix node, to this layer or to the smallest; returns its name. Clients use it once they have asked the
        directory again. Where layers are drawn it waits for the next epoch's draw.

        Raises `FaultUnsupported` with workers, in a network that is full, and for a layer where that is drawn.
        """
        if self._pool is not None:
            raise FaultUnsupported("workers know their nodes from the start; run without them to add some")
        if self.draws_layers and layer is not None:
            raise FaultUnsupported("each epoch draws the layers; leave the layer out")
        if layer is not None and layer not in LAYERS:
            raise FaultUnsupported("a mix node is of layer 1, 2 or 3")
        if len(self.mix_nodes) >= len(LAYERS) * MAX_NODES_PER_LAYER:
            raise FaultUnsupported("the network has as many mix nodes as it can have")
        if layer is None:
            sizes = Counter(dict.fromkeys(LAYERS, 0))
            sizes.update(node.layer for node in self.mix_nodes if node.layer is not None)
            layer = min(LAYERS, key=lambda each: sizes[each])
        name = next_mix_name(self._rehearsal.states, layer, is_drawn=self.draws_layers)
        node = self._make.mix_node(name, layer)
        await node.start()
        self.mix_nodes.append(node)
        self._rehearsal.add(name, node)
        self._tell_addresses()
        self._local_directory.register_mix(node)
        self.refresh()
        return name

    async def kill(self, name: str) -> None:
        """End a node as SIGKILL does: connections break and what it holds is lost. Ports, keys and registered clients
        are there when it is restarted. The directory notices when the next epoch begins. Raises `UnknownNode`.
        """
        await self._rehearsal.kill(name)

    async def restart(self, name: str) -> None:
        """End a node, if it still runs, and start it again on its ports. Raises `UnknownNode`, `PortUnavailable`."""
        await self._rehearsal.restart(name)

    def stop(self, name: str) -> None:
        """Let a node do nothing any more, as SIGSTOP does: connections stay open and nothing is answered.

        Raises `UnknownNode`; `FaultUnsupported` with workers, and for a node that was killed.
        """
        self._rehearsal.stop(name)

    def slow(self, name: str, link: str = SLOW_LINK) -> None:
        """Let all that a node sends, and what it exchanges with clients, go over links like this: text as for
        `set_link`. Raises `UnknownNode`, `InvalidNetworkOption`; `FaultUnsupported` as `stop`.
        """
        self._rehearsal.slow(name, link)

    def resume(self, name: str) -> None:
        """Undo `stop` and `slow`. Raises `UnknownNode`; `FaultUnsupported` as `stop`."""
        self._rehearsal.resume(name)

    def rotate_keys(self) -> int:
        """Change every node's Sphinx keys now; returns the new rotation's number.

        An epoch begins with it, during which the former keys still serve. Clients learn of the new ones when they ask
        the directory next: each eighth of an epoch, or every five minutes. Twice within an epoch leaves those behind
        who have not asked in between.
        """
        rotation = self._local_directory.rotate_keys()
        self.refresh()
        return rotation

    def description(self) -> dict[str, Any]:
        """What a client must know of the network: the line that `mix-network up --json` prints."""
        return {
            "directory": {"http": self.directory_url, "https": self.directory_https_url},
            "entry_gateways": [
                {"identity": base58.encode(gateway.identity.public), "ws": f"ws://{_HOST}:{gateway.ws_port}"}
                for gateway in self.entries
            ],
            "exit_gateways": [
                {
                    "identity": base58.encode(node.gateway.identity.public),
                    "ip_packet_router": node.recipient.to_text(),
                }
                for node in self.exits
            ],
            "link": self.link,
            "status": self.status_url,
        }

    def metrics(self) -> dict[str, Any]:
        """The counters of every node, and of what the exits exchange with servers, one by one and added up."""
        nodes = [
            *(gateway.snapshot() for gateway in self.entries),
            *({**node.metrics.snapshot(), "layer": node.layer} for node in self.mix_nodes),
            *(node.gateway.snapshot() for node in self.exits),
        ]
        exits = {node.gateway.metrics.name: node.snapshot() for node in self.exits}
        for node in nodes:
            node["state"] = self.states[node["name"]]
        workers = {"workers": self._pool.snapshot()} if self._pool is not None else {}
        return {
            "link": self.link,
            "epoch": self._local_directory.epoch(),
            "counted_at": time.monotonic(),
            "nodes": nodes,
            "exits": exits,
            "exit": add_up(exits.values()),
            **workers,
        }

    async def _start(self) -> None:
        for node in self.mix_nodes:
            await node.start()
        ports = {id(self.entry): self.options.entry_port, id(self.exit.gateway): self.options.exit_port}
        for gateway in self._gateways:
            await gateway.start(ws_port=ports.get(id(gateway), 0))
        names = self._tell_addresses()
        if self._pool is not None:
            await self._pool.start(
                [
                    Place(str(address.ip), address.port, name, self.view.noise_key(address))
                    for address, name in names.items()
                ]
            )
        recording = self._start_capture()
        for exit_gateway in self.exits:
            exit_gateway.start(recording)
        for gateway in self.entries:
            self._local_directory.register_entry(gateway)
        for exit_gateway in self.exits:
            self._local_directory.register_exit(exit_gateway)
        for node in self.mix_nodes:
            self._local_directory.register_mix(node)
        self._refreshing = asyncio.create_task(self._keep_fresh())
        app = create_app(
            self._local_directory.documents,
            self._wall_clock,
            self.metrics,
            self.options.origins,
            self.set_link,
            status_routes(self._watch),
        )
        self._directory = DirectoryServer(
            app,
            self.certificate,
            host=_HOST,
            http_port=self.options.http_port,
            https_port=self.options.https_port,
            max_connections=self._budget.requests,
        )
        await self._directory.start()

    def _packet_tracer(self) -> PacketTracer | None:
        if self.options.workers:
            return None
        return self._tracer if self._traces is None else BothTracers(self._tracer, self._traces)

    def _tell_addresses(self) -> dict[NodeAddress, str]:
        """Let nodes know each other; gives their names by address."""
        nodes = [*self.mix_nodes, *self._gateways]
        names = {_started(node.address): node.metrics.name for node in nodes}
        self.view.update(names, {_started(node.address): node.noise.public for node in nodes if node.noise is not None})
        self._links.name_nodes(names)
        return names

    def _watch(self, after: int) -> dict[str, Any]:
        """What the page with the network's picture shows."""
        now = asyncio.get_running_loop().time()
        return {**self.metrics(), "now": now, "steps": self._tracer.watch(now, after)}

    def _start_capture(self) -> PcapFile | None:
        if self.options.pcap is None:
            return None
        self._capture = self.options.pcap.open("wb")
        return PcapFile(self._capture, self._wall_clock)

    def refresh(self) -> None:
        """Give the nodes the picture of the network that holds now: node keys change with the rotations."""
        topology, rotation = self._local_directory.picture(asyncio.get_running_loop().time())
        for node in self.exits:
            node.set_topology(topology, rotation)
        layer_of = {node.identity: number for number, layer in enumerate(topology.layers, 1) for node in layer}
        for mix_node in self.mix_nodes:
            mix_node.layer = layer_of.get(mix_node.identity.public)
            mix_node.set_topology(topology)
        for gateway in self._gateways:
            gateway.set_topology(topology)

    async def _keep_fresh(self) -> None:
        while True:
            self.refresh()
            wall_s = self._wall_clock()
            until_next_s = self._schedule.epoch_start(self._schedule.epoch_at(wall_s) + 1) - wall_s
            await asyncio.sleep(min(_REFRESH_S, max(0.05, until_next_s)))


def _started(address: NodeAddress | None) -> NodeAddress:
    assert address is not None, "it must have been started"
    return address
