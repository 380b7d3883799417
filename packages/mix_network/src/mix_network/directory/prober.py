"""The directory's own node, from which probes are sent and to which they come back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from mix_network.directory.probes import LOST_AFTER_S, Probes
from mix_network.directory.registered_node import RegisteredNode
from mix_network.metrics import NodeMetrics
from mix_network.mixnode.mixing import MixingNode, NodeContext
from mix_network.node.self_description import NodeFacts, SelfDescription
from mix_network.node_keys import IdentityKeys, NoiseKeys, SphinxKeyring
from mix_protocol.addressing import NodeAddress
from mix_protocol.codec import base58
from mix_protocol.crash_log import CrashLog
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.errors import MixError
from mix_protocol.topology.described import NodeDescription
from mix_protocol.topology.route import RouteHop

PROBES_EACH: Final = 4

_CRASHES = CrashLog(logging.getLogger(__name__))


class Prober:
    """Sends each node a few probes now and then.

    Nodes send nothing to strangers, so it is listed like one of them, with no role at all.

    nodes -- gives who is to be tried
    on_results -- told which share of its probes came back, by number of the node
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
        on_results: Callable[[dict[int, float]], None],
        address: str,
        build_version: str,
    ) -> None:
        self._context = context
        self._nodes = nodes
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
            nodes = self._nodes()
            started_at = loop.time()
            for node in nodes * PROBES_EACH:
                self._send(node, loop.time())
                # No burst: a node's queue is for everybody's packets.
                await asyncio.sleep(interval_s / 2 / PROBES_EACH / len(nodes))
            await asyncio.sleep(min(interval_s / 2, LOST_AFTER_S))
            with _CRASHES.isolated("the results of probes"):
                self._on_results(self._probes.take_results(loop.time()))
            await asyncio.sleep(max(0.0, started_at + interval_s - loop.time()))

    def _send(self, node: RegisteredNode, now: float) -> None:
        wall_s = self._context.wall_clock()
        self._keyring.update(wall_s)
        rotation_id = self._keyring.current.rotation_id
        own = RouteHop(NodeAddress.from_text(self._address, self._port), self._keyring.current.public)
        with _CRASHES.isolated("one probe of a node"):
            try:
                packet = self._probes.make(node, rotation_id, own, now)
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
