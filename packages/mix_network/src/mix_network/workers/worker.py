"""A worker process: a part of every node's packets and clients.

It has nothing of its own. Connections are handed over to it, keys and topology are told to it, what must be exact
stands in memory that all workers share, and counters go to the main process. So when it dies its connections are lost,
with the packets that it held, and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import socket
import sys
import threading
import time
from dataclasses import dataclass
from typing import Final

from mix_network.descriptors import DescriptorBudget, raise_descriptor_limit
from mix_network.gateway.client_connection import ClientLimits
from mix_network.gateway.terms import GatewayTerms
from mix_network.gateway.websocket import ClientListener
from mix_network.links.line import LinkEmulation
from mix_network.metrics import NodeMetrics
from mix_network.mixnode.mixing import MixingNode, NodeContext
from mix_network.mixnode.outgoing import OutgoingLimits
from mix_network.network_view import NetworkView
from mix_network.node_keys import HeldKeys, IdentityKeys
from mix_network.origins import Origins
from mix_network.rotation import RotationSchedule
from mix_network.workers.channel import Channel, Kind
from mix_network.workers.clients import MAX_CLIENTS, RECORD_LENGTH, SharedClientRegistry
from mix_network.workers.delivery import WorkerDelivery
from mix_network.workers.handing import HandedSocket
from mix_network.workers.messages import Counters, Keys, NodePart, Place, Start, decode_packet
from mix_network.workers.replay import SEEN_CAPACITY, SharedReplayFilter
from mix_network.workers.shared_table import SharedTable
from mix_protocol.addressing import NodeAddress
from mix_protocol.codec.json import decode_json, encode_json
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.sphinx.header import NO_IDENTIFIER
from mix_protocol.sphinx.mix_packet import MixPacket

COUNTERS_S: Final = 0.2
"""How often the main process is told what was counted; what was not told yet dies with a worker."""
_STOP_S: Final = 2.0


class LoopsElsewhere:
    """The main process sends a node's own cover, and knows it again."""

    def __init__(self, identity: bytes, node: int, main: Channel) -> None:
        self._identity = identity
        self._node = node
        self._main = main

    def has_returned(self, destination: bytes, identifier: bytes) -> bool:
        if destination != self._identity or identifier == NO_IDENTIFIER:
            return False
        self._main.send(Kind.LOOP, self._node, identifier)
        return True


@dataclass
class _Part:
    """This worker's part of a node."""

    metrics: NodeMetrics
    keys: HeldKeys
    mixing: MixingNode
    listener: ClientListener | None = None
    delivery: WorkerDelivery | None = None


class Worker:
    """All parts together, and the channels to other processes."""

    def __init__(self, start: Start, main: Channel) -> None:
        self._start = start
        self._main = main
        self._peers: dict[int, Channel] = {}
        self._crypto = NativeCrypto()
        self._links = LinkEmulation(start.link, f"{start.link_seed} in worker {start.place}", shares=start.workers)
        self._context = NodeContext(
            self._crypto,
            NetworkView(),
            RotationSchedule(),
            lambda: time.time() + start.wall_offset_s,
            start.host,
            OutgoingLimits(
                start.queue_packets // start.workers,
                start.queue_bytes // start.workers,
                start.connect_timeout_s,
                start.backoff_initial_s,
                start.backoff_max_s,
            ),
            self._links,
            DescriptorBudget(clients=start.max_clients, peers=start.max_peers),
            Origins(only_local=start.only_local, also=start.allow_origins),
            shares=start.workers,
        )
        self._parts = [self._part(number, node) for number, node in enumerate(start.nodes)]
        self._peer_server: asyncio.Server | None = None
        self._told: list[object] = []
        self._take_places(start.places)

    async def start(self) -> None:
        """Take what is handed over."""
        for node, part in zip(self._start.nodes, self._parts, strict=True):
            await part.mixing.serve(HandedSocket(fileno=node.nodes_way))
            if part.listener is not None and node.clients_way is not None:
                await part.listener.serve(HandedSocket(fileno=node.clients_way))
        self._peer_server = await asyncio.get_running_loop().create_server(
            lambda: Channel(self._receive_of_peer, self._peer_ended), sock=HandedSocket(fileno=self._start.peers_way)
        )
        self._main.send(Kind.READY)

    async def close(self) -> None:
        """Close every connection in order, and tell what was counted last."""
        if self._peer_server is not None:
            self._peer_server.close()
        listeners = [part.listener for part in self._parts if part.listener is not None]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_S):
                await asyncio.gather(*(listener.close() for listener in listeners))
                await asyncio.gather(*(part.mixing.close() for part in self._parts))
        self.tell_counters()

    async def keep_telling(self) -> None:
        """Tell what was counted, for as long as this runs."""
        while True:
            await asyncio.sleep(COUNTERS_S)
            self.tell_counters()

    def tell_counters(self) -> None:
        """Tell what was counted, if it is anything new."""
        counted: list[object] = [part.metrics.snapshot() for part in self._parts]
        if counted != self._told:
            usage = resource.getrusage(resource.RUSAGE_SELF)
            counters = Counters([part.metrics.snapshot() for part in self._parts], usage.ru_utime + usage.ru_stime)
            if self._main.send(Kind.COUNTERS, 0, encode_json(counters)):
                self._told = counted

    def receive(self, kind: int, node: int, content: bytes) -> None:
        """Do what the main process says."""
        if kind == Kind.SEND:
            self._parts[node].mixing.send(*decode_packet(content))
        elif kind == Kind.PUSH:
            self._delivery(node).receive_pushed(content)
        elif kind == Kind.KEYS:
            part = self._parts[node]
            part.keys.hold(key.pair() for key in decode_json(content, Keys, "keys").keys)
            part.mixing.keys_changed()
        elif kind == Kind.LINK:
            self._links.change(content.decode())
        elif kind == Kind.SERVICE:
            self._delivery(node).service = content
        elif kind in (Kind.DROP, Kind.DROP_CLIENTS):
            part = self._parts[node]
            if part.listener is not None:
                part.listener.drop()
            if kind == Kind.DROP:
                part.mixing.drop_connections()

    def _receive_of_peer(self, channel: Channel, kind: int, node: int, content: bytes) -> None:
        if kind == Kind.GREETING:
            channel.worker = int.from_bytes(content, "little")
            self._peers[channel.worker] = channel
        elif kind == Kind.PUSH:
            self._delivery(node).receive_pushed(content)
        elif kind == Kind.REPLACED:
            self._delivery(node).replaced(content)

    def _peer_ended(self, channel: Channel) -> None:
        self._peers.pop(channel.worker, None)

    def _delivery(self, node: int) -> WorkerDelivery:
        delivery = self._parts[node].delivery
        assert delivery is not None, "only gateways deliver"
        return delivery

    def _take_places(self, places: list[Place]) -> None:
        addresses = [NodeAddress.from_text(place.ip, place.port) for place in places]
        announced = zip(addresses, [place.noise_key for place in places], strict=True)
        self._context.view.update(addresses, {address: key for address, key in announced if key is not None})
        self._links.name_nodes(dict(zip(addresses, [place.name for place in places], strict=True)))

    def _part(self, number: int, node: NodePart) -> _Part:
        metrics, keys = NodeMetrics(node.name, node.role), HeldKeys(key.pair() for key in node.keys)
        seen = SharedReplayFilter(SharedTable(node.seen_table, SEEN_CAPACITY, 0))
        loops = LoopsElsewhere(node.identity, number, self._main)
        if node.clients_table is None or node.identity_seed is None:
            return _Part(
                metrics,
                keys,
                MixingNode(
                    self._context,
                    keys,
                    metrics,
                    mixes=True,
                    on_final=None,
                    loops=loops,
                    replay_filters=seen,
                    noise_secret=node.noise_secret,
                ),
            )
        registry = SharedClientRegistry(SharedTable(node.clients_table, MAX_CLIENTS, RECORD_LENGTH))
        delivery = WorkerDelivery(
            metrics,
            registry,
            send=lambda *packet: mixing.send(*packet),  # noqa: PLW0108 -- it is made below
            clock=ClientListener.now,
            own_identity=node.identity,
            worker=self._start.number,
            node=number,
            main=self._main,
            peers=self._peers,
        )
        delivery.service = node.service
        mixing = MixingNode(
            self._context,
            keys,
            metrics,
            mixes=False,
            on_final=delivery.receive_final,
            loops=loops,
            replay_filters=seen,
            noise_secret=node.noise_secret,
        )

        def forward(packet: MixPacket) -> None:
            metrics.from_clients += 1
            mixing.send(packet.first_hop, packet.packet, packet.key_rotation)

        limits = ClientLimits(connections=self._start.max_clients)
        listener = ClientListener(
            self._crypto,
            os.urandom,
            IdentityKeys(node.identity_seed, node.identity),
            registry,
            delivery,
            metrics,
            forward=forward,
            wall_clock=self._context.wall_clock,
            links=self._links,
            limits=ClientLimits(
                connections=limits.connections, all_unsent_bytes=limits.all_unsent_bytes // self._start.workers
            ),
            origins=self._context.origins,
            terms=GatewayTerms(require_bandwidth=self._start.require_bandwidth),
        )
        return _Part(metrics, keys, mixing, listener, delivery)


async def run(control: socket.socket) -> None:
    """Be a worker until the main process says that it is enough."""
    started, stopped = asyncio.Event(), asyncio.Event()
    worker: Worker | None = None

    def receive(main: Channel, kind: int, node: int, content: bytes) -> None:
        nonlocal worker
        if worker is not None:
            worker.receive(kind, node, content)
        elif kind == Kind.START:
            worker = Worker(decode_json(content, Start, "start"), main)
            started.set()
        if kind == Kind.STOP:
            stopped.set()

    main = await Channel.over(control, receive, lambda _: stopped.set())
    await started.wait()
    await _serve(worker, stopped)
    await main.close_behind()


async def _serve(worker: Worker | None, stopped: asyncio.Event) -> None:
    assert worker is not None
    await worker.start()
    telling = asyncio.create_task(worker.keep_telling())
    await stopped.wait()
    telling.cancel()
    await worker.close()


def end_with(descriptor: int) -> None:
    """End this process at once when the other end of a pipe is closed: its holder is gone, however it went."""

    def watch() -> None:
        os.read(descriptor, 1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """The program: `python -m mix_network.workers CONTROL ALIVE`, two descriptors."""
    control, alive = map(int, sys.argv[1:])
    end_with(alive)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="mix-network: %(message)s")
    raise_descriptor_limit()
    asyncio.run(run(socket.socket(fileno=control)))
