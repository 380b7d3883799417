"""The directory's own node, from which probes are sent and to which they come back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from mix_network.directory.probes import LOST_AFTER_S, ProbeResults, Probes
from mix_network.directory.registered_node import RegisteredNode
from mix_network.metrics import NodeMetrics
from mix_network.mixnode.mixing import MixingNode, NodeContext
from mix_network.node.self_description import NodeFacts, SelfDescription
from mix_network.node_keys import IdentityKeys, NoiseKeys, SphinxKeyring
from mix_protocol.addressing import NodeAddress
from mix_protocol.codec import base58
from mix_protocol.crash_log import CrashLog
from mix_protocol.crypto.randomness import RandomBytes, choose
from mix_protocol.errors import MixError
from mix_protocol.topology.described import NodeDescription
from mix_protocol.topology.route import RouteHop

PROBES_EACH: Final = 4
_ROUTES_EACH: Final = 2
"""Whole routes that each mix node, or each gateway, stands on in a round, on average."""
_MOST_ROUTES: Final = 64

_CRASHES = CrashLog(logging.getLogger(__name__))


@dataclass(frozen=True)
class Route:
    """A whole route: mix nodes and a gateway, and the mix nodes of the way back."""

    onward: tuple[RegisteredNode, ...]
    back: tuple[RegisteredNode, ...]


class Prober:
    """Sends each node a few probes now and then.

    Nodes send nothing to strangers, so it is listed like one of them, with no role at all.

    nodes -- gives who is to be tried
    layers -- gives the epoch's layers, numbers of nodes; others stand in for them at random, too
    on_results -- told what has become of the probes of a round
    address -- where nodes reach it
    """

    def __init__(
        self,
        context: NodeContext,
        identity: IdentityKeys,
        noise: NoiseKeys,
        random: RandomBytes,
        *,
        nodes: Callable[[], list[RegisteredNode]],
        layers: Callable[[], Sequence[Sequence[int]]],
        on_results: Callable[[ProbeResults], Awaitable[None]],
        address: str,
        build_version: str,
    ) -> None:
        self._context = context
        self._nodes = nodes
        self._layers = layers
        self._random = random
        self._on_results = on_results
        self._address = address
        self._build_version = build_version
        self._probes = Probes(context.crypto, random, identity.public)
        self._keyring = SphinxKeyring(context.crypto, random, context.schedule, context.wall_clock())
        self._mixing = MixingNode(
            context,
            self._keyring,
            NodeMetrics("prober", "mix-node"),
            mixes=False,
            on_final=None,
            loops=self._probes,
            noise_secret=noise.secret,
        )
        self._description = SelfDescription(identity.public, self._keyring, self._facts, noise.public)
        self._port = 0

    async def start(self, port: int) -> None:
        """Listen. Raises `PortUnavailable`."""
        self._port = (await self._mixing.start(port)).port

    async def close(self) -> None:
        """Stop listening."""
        await self._mixing.close()

    def describe(self, wall_s: float) -> NodeDescription:
        """What it is listed with."""
        return self._description.describe(wall_s)

    async def run(self, interval_s: float) -> None:
        """Try every node each `interval_s` seconds, for as long as this runs."""
        loop = asyncio.get_running_loop()
        while True:
            nodes, rotation_id = self._nodes(), self._rotation_id()
            started_at = loop.time()
            probes: list[RegisteredNode | Route] = [*nodes * PROBES_EACH, *self._draw_routes(nodes)]
            for probe in probes:
                if self._rotation_id() != rotation_id:
                    break  # what these said before may not have the keys of now
                self._send(probe, rotation_id, loop.time())
                # No burst: a node's queue is for everybody's packets.
                await asyncio.sleep(interval_s / 2 / len(probes))
            await asyncio.sleep(min(interval_s / 2, LOST_AFTER_S))
            with _CRASHES.isolated("the results of probes"):
                await self._on_results(self._probes.take_results(loop.time()))
            await asyncio.sleep(max(0.0, started_at + interval_s - loop.time()))

    def _draw_routes(self, nodes: Sequence[RegisteredNode]) -> list[Route]:
        """Routes through the layers to a gateway and back; who has no layer mixes in any of them."""
        by_number = {node.node_id: node for node in nodes}
        layers = [[by_number[number] for number in layer if number in by_number] for layer in self._layers()]
        placed = {node.node_id for layer in layers for node in layer}
        others = [node for node in nodes if node.candidate.mixes and node.node_id not in placed]
        pools = [[*layer, *(node for node in others if not node.candidate.is_gateway)] for layer in layers]
        gateways = [node for node in nodes if node.candidate.is_gateway and node.node_id not in placed]
        if not gateways or not all(pools) or not pools:
            return []
        count = min(_MOST_ROUTES, _ROUTES_EACH * max(len(gateways), *map(len, pools)))
        return [
            Route(
                (*(choose(self._random, pool) for pool in pools), choose(self._random, gateways)),
                tuple(choose(self._random, pool) for pool in pools),
            )
            for _ in range(count)
        ]

    def _rotation_id(self) -> int:
        self._keyring.update(self._context.wall_clock())
        return self._keyring.current.rotation_id

    def _send(self, probe: RegisteredNode | Route, rotation_id: int, now: float) -> None:
        own = RouteHop(NodeAddress.from_text(self._address, self._port), self._keyring.current.public)
        with _CRASHES.isolated("one probe of a node"):
            try:
                if isinstance(probe, Route):
                    packet = self._probes.make_whole(probe.onward, probe.back, rotation_id, own, now)
                else:
                    packet = self._probes.make(probe, rotation_id, own, now)
            except MixError:
                return  # what it says of itself makes no packet
            self._mixing.send(packet.first_hop, packet.packet, packet.key_rotation)

    def _facts(self) -> NodeFacts:
        return NodeFacts(ip_addresses=(self._address,), mix_port=self._port, build_version=self._build_version)


def addresses_of(nodes: list[RegisteredNode]) -> dict[NodeAddress, bytes | None]:
    """Where nodes are, with the keys of those that want encrypted links; what can't be read is left out."""
    found: dict[NodeAddress, bytes | None] = {}
    for node in nodes:
        host = node.description.host_information
        noise = host.keys.x25519_versioned_noise
        for text in host.ip_address:
            try:
                key = base58.decode(noise.x25519_pubkey) if noise is not None else None
                found[NodeAddress.from_text(text, node.mix_port)] = key
            except (MixError, ValueError):
                continue
    return found
