"""Nodes of which workers do the work, in the main process: what there is one of, and what others here ask a node."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

from mix_network.gateway.delivery import ConnectedClient
from mix_network.gateway.inbox import Inbox
from mix_network.metrics import NodeMetrics, Role
from mix_network.mixnode.loop_cover import LoopCover
from mix_network.mixnode.mixing import NodeContext, follow_rotations
from mix_network.node_keys import IdentityKeys, NoiseKeys, SphinxKeyring
from mix_network.workers.channel import Kind
from mix_network.workers.clients import MAX_CLIENTS, NOWHERE, RECORD_LENGTH, SharedClientRegistry
from mix_network.workers.delivery import IDENTITY_LENGTH
from mix_network.workers.messages import Key, Keys, NodePart, encode_packet
from mix_network.workers.pool import Listener, WorkerPool
from mix_network.workers.replay import SEEN_CAPACITY
from mix_network.workers.shared_table import SharedTable
from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.codec.json import encode_json
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.topology.topology import Topology

_SWEEP_S = 60.0


class _Worked:
    """What both kinds of nodes have."""

    def __init__(
        self,
        pool: WorkerPool,
        context: NodeContext,
        identity: IdentityKeys,
        keyring: SphinxKeyring,
        random: RandomBytes,
        *,
        name: str,
        role: str,
        noise: NoiseKeys | None,
    ) -> None:
        self.context = context
        self.noise = noise
        self.identity = identity
        self.keyring = keyring
        self.address: NodeAddress | None = None
        self.listeners: list[Listener | None] = [None]
        self.tables = [SharedTable.create(random, SEEN_CAPACITY, 0)]
        self._pool = pool
        self._own = NodeMetrics(name, role)
        self._loops = LoopCover(context.crypto, random, self._own, identity=identity.public, rate=context.cover_rate)
        self._tasks: list[asyncio.Task[None]] = []
        self._number = pool.add(cast(Any, self))
        keyring.on_change = self._tell_keys

    @property
    def metrics(self) -> NodeMetrics:
        """What all workers and the main process have counted for this node."""
        total = NodeMetrics(self._own.name, self._own.role)
        total.add(self._own.snapshot())
        for counters in self._pool.counted(self._number):
            total.add(counters)
        total.add(self._pool.counted_before(self._number), gauges=False)
        return total

    def send(self, next_hop: NodeAddress, packet: bytes, key_rotation: KeyRotation) -> None:
        """Send a packet to its next hop. It goes over the workers' connections, on which it has company."""
        content = encode_packet(next_hop, packet, key_rotation)
        if not self._pool.tell_next(Kind.SEND, self._number, content):
            self._own.drop("worker_too_slow")

    def set_topology(self, topology: Topology) -> None:
        """Take a new picture of the network, for the node's own cover."""
        self._loops.set_topology(topology)

    def received(self, kind: int, content: bytes, worker: int) -> None:
        """A worker says something about this node."""
        if kind == Kind.LOOP and not self._loops.has_returned(self.identity.public, content):
            self._own.drop("not_a_gateway")

    def part(self, ways: list[int]) -> NodePart:
        """What a worker must know of it."""
        return NodePart(
            name=self._own.name,
            role=self._own.role,
            identity=self.identity.public,
            keys=self._keys(),
            nodes_way=ways[0],
            seen_table=self.tables[0].descriptor,
            noise_secret=self.noise.secret if self.noise is not None else None,
        )

    def _listen(self, port: int) -> NodeAddress:
        listener = self.listeners[0] = Listener(self.context.host, port)
        self._tasks = [
            asyncio.create_task(follow_rotations(self.context, self.keyring.update)),
            asyncio.create_task(self._loops.run(self.send)),
        ]
        self.address = NodeAddress.from_text(self.context.host, listener.port)
        return self.address

    async def kill(self) -> None:
        """Break every connection and take no new ones."""
        await self.close()
        self._pool.tell(Kind.DROP, self._number)

    async def close(self) -> None:
        """Stop listening; the workers' connections end with the workers."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for which, listener in enumerate(self.listeners):
            if listener is not None:
                self._pool.close_listener(listener)
            self.listeners[which] = None

    def _keys(self) -> list[Key]:
        return [Key.of(pair) for pair in self.keyring.pairs]

    def _tell_keys(self) -> None:
        self._pool.tell(Kind.KEYS, self._number, encode_json(Keys(self._keys())))


class WorkedMixNode(_Worked):
    """A mix node.

    layer -- where it serves in this epoch, or None; whoever assigns layers changes it
    """

    def __init__(
        self,
        pool: WorkerPool,
        context: NodeContext,
        identity: IdentityKeys,
        keyring: SphinxKeyring,
        random: RandomBytes,
        *,
        name: str,
        layer: int,
        noise: NoiseKeys | None = None,
    ) -> None:
        super().__init__(pool, context, identity, keyring, random, name=name, role="mix-node", noise=noise)
        self.layer: int | None = layer

    async def start(self, port: int = 0) -> NodeAddress:
        """Listen; returns the address where the node takes packets. Raises `PortUnavailable`."""
        return self._listen(port)

    async def restart(self) -> None:
        """Break all connections and listen again on the same port, with the same keys. Raises `PortUnavailable`."""
        address = self.address
        assert address is not None, "it must have been started"
        await self.kill()
        await self.start(address.port)
        self._pool.listen()


class WorkedGateway(_Worked):
    """A gateway of either kind."""

    def __init__(
        self,
        pool: WorkerPool,
        context: NodeContext,
        identity: IdentityKeys,
        keyring: SphinxKeyring,
        random: RandomBytes,
        *,
        name: str,
        role: Role,
        noise: NoiseKeys | None = None,
    ) -> None:
        super().__init__(pool, context, identity, keyring, random, name=name, role=role, noise=noise)
        self.ws_port = 0
        self.listeners.append(None)
        self.tables.append(SharedTable.create(random, MAX_CLIENTS, RECORD_LENGTH))
        self.clients = SharedClientRegistry(self.tables[1])
        self.inbox = Inbox()
        self._service: tuple[bytes, ConnectedClient] | None = None

    async def start(self, *, mix_port: int = 0, ws_port: int = 0) -> NodeAddress:
        """Listen for nodes and clients; returns the address for nodes. Raises `PortUnavailable`."""
        address = self._listen(mix_port)
        listener = self.listeners[1] = Listener(self.context.host, ws_port)
        self.ws_port = listener.port
        self._tasks.append(asyncio.create_task(self._sweep()))
        return address

    def snapshot(self) -> dict[str, Any]:
        """The counters, and how many clients are registered, as JSON-able values."""
        return {**self.metrics.snapshot(), "clients": len(self.clients)}

    def connect_service(self, identity: bytes, service: ConnectedClient) -> None:
        """From now on payloads for this identity go to a service in this process."""
        self._service = identity, service
        self._pool.tell(Kind.SERVICE, self._number, identity)

    def drop_clients(self) -> None:
        """Break the connection of every client, as a network failure does."""
        self._pool.tell(Kind.DROP_CLIENTS, self._number)

    async def restart(self, *, forgets_clients: bool = False) -> None:
        """Break all connections and listen again on the same ports, with the same keys.

        forgets_clients -- whether the clients' registrations are lost, too
        """
        address = self.address
        assert address is not None, "it must have been started"
        await self.kill()
        if forgets_clients:
            self.clients.clear()
        await self.start(mix_port=address.port, ws_port=self.ws_port)
        self._pool.listen()

    def received(self, kind: int, content: bytes, worker: int) -> None:
        if kind == Kind.SERVICE:
            if self._service is not None:
                self._count_push(self._service[1].push(content), "client_too_slow")
        elif kind == Kind.AWAY:
            self._keep(content[:IDENTITY_LENGTH], content[IDENTITY_LENGTH:])
        elif kind == Kind.SEATED:
            for payload in self.inbox.take(content, self._now()):
                if not self._pool.tell_one(worker, Kind.PUSH, self._number, content + payload):
                    self._own.drop("worker_too_slow")
        elif kind == Kind.LOOP:
            self._loops.has_returned(self.identity.public, content)

    def part(self, ways: list[int]) -> NodePart:
        return replace(
            super().part(ways),
            clients_way=ways[1],
            clients_table=self.tables[1].descriptor,
            identity_seed=self.identity.seed,
            service=self._service[0] if self._service is not None else None,
        )

    def _keep(self, identity: bytes, payload: bytes) -> None:
        """Keep a payload, unless its client has come meanwhile."""
        seat = self.clients.seat_of(identity)
        if seat is None:
            self._own.drop("unknown_client")
        elif seat.worker != NOWHERE and self._pool.has(seat.worker):
            if not self._pool.tell_one(seat.worker, Kind.PUSH, self._number, identity + payload):
                self._own.drop("worker_too_slow")
        elif self.inbox.store(identity, payload, self._now()):
            self._own.stored += 1
        else:
            self._own.drop("inbox_full")

    def _count_push(self, is_taken: bool, reason: str) -> None:
        if is_taken:
            self._own.pushed += 1
        else:
            self._own.drop(reason)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            self.inbox.expire(self._now())

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
