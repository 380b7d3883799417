"""A gateway: takes clients by WebSocket, and is the last hop of packets to them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from mix_network.gateway.client_connection import ClientLimits
from mix_network.gateway.delivery import ConnectedClient, Delivery
from mix_network.gateway.inbox import Inbox
from mix_network.gateway.sessions import SessionStatistics
from mix_network.gateway.terms import GatewayTerms
from mix_network.gateway.websocket import ClientListener
from mix_network.metrics import NodeMetrics, Role
from mix_network.mixnode.loop_cover import LoopCover
from mix_network.mixnode.mixing import MixingNode, NodeContext
from mix_network.mixnode.processing import ReplayFilters
from mix_network.node_keys import IdentityKeys, NoiseKeys, SphinxKeyring
from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.gateway.registry import ClientRegistry
from mix_protocol.sphinx.mix_packet import MixPacket
from mix_protocol.topology.topology import Topology

_SWEEP_S = 60.0


class GatewayServer:
    """A gateway of either kind; the exit's services are clients of `delivery` in the same process.

    mixes -- whether it is a mix node, too; else packets that don't end here are dropped
    terms -- what clients may do
    clients, inbox, replay_filters -- what it remembers of former runs; None remembers this one alone
    """

    def __init__(
        self,
        context: NodeContext,
        identity: IdentityKeys,
        keyring: SphinxKeyring,
        random: RandomBytes,
        *,
        name: str,
        role: Role,
        noise: NoiseKeys | None = None,
        mixes: bool = False,
        terms: GatewayTerms | None = None,
        clients: ClientRegistry | None = None,
        inbox: Inbox | None = None,
        replay_filters: ReplayFilters | None = None,
    ) -> None:
        self.context = context
        self.noise = noise
        self.identity = identity
        self.keyring = keyring
        self.metrics = NodeMetrics(name, role)
        self.address: NodeAddress | None = None
        self.ws_port = 0
        self.clients = ClientRegistry() if clients is None else clients
        self.inbox = Inbox() if inbox is None else inbox
        self.delivery = Delivery(
            self.metrics,
            self.inbox,
            send=self.send,
            is_known=self.clients.__contains__,
            clock=self._now,
            own_identity=identity.public,
        )
        self._loops = LoopCover(context.crypto, random, self.metrics, identity=identity.public, rate=context.cover_rate)
        self.mixing = MixingNode(
            context,
            keyring,
            self.metrics,
            mixes=mixes,
            on_final=self.delivery.receive_final,
            loops=self._loops,
            noise_secret=noise.secret if noise is not None else None,
            replay_filters=replay_filters,
        )
        self._listener = ClientListener(
            context.crypto,
            random,
            identity,
            self.clients,
            self.delivery,
            self.metrics,
            forward=self.forward,
            wall_clock=context.wall_clock,
            links=context.links,
            limits=ClientLimits(connections=context.budget.clients),
            origins=context.origins,
            terms=terms,
        )
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self, *, mix_port: int = 0, ws_port: int = 0) -> NodeAddress:
        """Listen for nodes and clients; returns the address for nodes. Raises `PortUnavailable`."""
        self.address = await self.mixing.start(mix_port)
        self.ws_port = await self._listener.start(self.context.host, ws_port)
        self._sweeper = asyncio.create_task(self._sweep())
        return self.address

    async def drain(self, limit_s: float) -> None:
        """Take no more packets of other nodes, and let those that are held go on, for so long at most."""
        await self.mixing.drain(limit_s)

    async def close(self) -> None:
        """Close every connection; what clients have not fetched is gone."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        await self._listener.close()
        await self.mixing.close()

    def set_topology(self, topology: Topology) -> None:
        """Take a new picture of the network, for the node's own cover."""
        self._loops.set_topology(topology)

    def connect_service(self, identity: bytes, service: ConnectedClient) -> None:
        """From now on payloads for this identity go to a service in this process."""
        self.delivery.connect(identity, service)
        self.delivery.settle(identity, service)  # what it has accepted has arrived

    def send(self, next_hop: NodeAddress, packet: bytes, key_rotation: KeyRotation) -> None:
        """Send a packet to its next hop."""
        self.mixing.send(next_hop, packet, key_rotation)

    def snapshot(self) -> dict[str, Any]:
        """The counters, and how many clients are registered, as JSON-able values."""
        return {**self.metrics.snapshot(), "clients": len(self.clients)}

    @property
    def sessions(self) -> SessionStatistics:
        """How many clients it had."""
        return self._listener.sessions

    def figures(self) -> dict[str, int]:
        """How many clients there are, and what waits for those that are away."""
        return {
            "clients": len(self.clients),
            "connected": self.delivery.connected_count,
            "inbox_bytes": self.inbox.size_bytes,
        }

    def drop_clients(self) -> None:
        """Break the connection of every client, as a network failure does."""
        self._listener.drop()

    async def restart(self, *, forgets_clients: bool = False) -> None:
        """Stop and start again on the same ports, with the same keys.

        forgets_clients -- whether the clients' registrations are lost, too
        """
        address = self.address
        assert address is not None, "it must have been started"
        self.resume()
        await self.close()
        if forgets_clients:
            self.clients.clear()
        await self.start(mix_port=address.port, ws_port=self.ws_port)

    async def kill(self) -> None:
        """End at once: every connection breaks, and what is held is lost."""
        self._listener.drop()
        await self.mixing.close()
        self._listener.resume()
        await self.close()

    def stop(self) -> None:
        """Do nothing any more, as a process that got SIGSTOP, until `resume`."""
        self._listener.stop()
        self.mixing.stop()

    def resume(self) -> None:
        """Go on where it stopped."""
        self.mixing.resume()
        self._listener.resume()

    def forward(self, packet: MixPacket) -> None:
        """Send a client's packet to its first hop."""
        self.metrics.from_clients += 1
        self.mixing.send(packet.first_hop, packet.packet, packet.key_rotation)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            self.inbox.expire(self._now())

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
