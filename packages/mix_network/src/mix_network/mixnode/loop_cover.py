"""Loop cover of a node's own: packets that go through the network and come back to the node that sent them.

The links between nodes carry something then while no client does, and a client's packet always has company (Piotrowska
et al., "The Loopix Anonymity System", section 4). A node's loop must look like clients' traffic on every link, so it is
made of the same pieces: a packet goes through the layers behind the node to a gateway, which finds nobody to deliver it
to and, as always, sends the acknowledgement in it on; that goes through the layers before the node and ends at it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable

from mix_network.metrics import NodeMetrics
from mix_network.mixnode.loop_packets import draw_carrier, draw_return
from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.crash_log import CrashLog
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes, choose, exponential
from mix_protocol.sphinx.core import sphinx_core
from mix_protocol.sphinx.geometry import SURB_IDENTIFIER_LENGTH
from mix_protocol.sphinx.mix_packet import MixPacket
from mix_protocol.topology.route import RouteHop
from mix_protocol.topology.topology import Topology

LOST_AFTER_S = 60.0

_CRASHES = CrashLog(logging.getLogger(__name__))


class LoopCover:
    """Makes one node's loops and knows them when they are back. Its place, layer or gateway, is the epoch's.

    identity -- the node's own, 32 bytes
    rate -- loops a second, at random times; 0 makes none
    """

    def __init__(
        self,
        crypto: CryptoProvider,
        random: RandomBytes,
        metrics: NodeMetrics,
        *,
        identity: bytes,
        rate: float,
    ) -> None:
        self._core = sphinx_core(crypto)
        self._random = random
        self._metrics = metrics
        self._identity = identity
        self._rate = rate
        self._topology: Topology | None = None
        self._own: RouteHop | None = None
        self._layers_before = 0
        self._under_way: OrderedDict[bytes, float] = OrderedDict()

    def set_topology(self, topology: Topology) -> None:
        """Draw routes through this picture of the network from now on."""
        self._topology = topology
        self._own = None
        gateway = topology.gateways.get(self._identity)
        if gateway is not None:
            self._own, self._layers_before = gateway.hop, len(topology.layers)
        for before, layer in enumerate(topology.layers):
            for node in layer:
                if node.identity == self._identity:
                    self._own, self._layers_before = node.hop, before

    async def run(self, send: Callable[[NodeAddress, bytes, KeyRotation], None]) -> None:
        """Send loops for as long as this runs."""
        loop = asyncio.get_running_loop()
        while self._rate > 0:
            await asyncio.sleep(exponential(self._random, 1 / self._rate))
            with _CRASHES.isolated("one loop of a node's cover"):
                packet = self.make(loop.time())
                if packet is not None:
                    send(packet.first_hop, packet.packet, packet.key_rotation)

    def make(self, now: float) -> MixPacket | None:
        """A loop to send; None while the network does not know this node."""
        topology, own = self._topology, self._own
        if topology is None or own is None or not topology.gateways:
            return None
        before = self._layers_before
        is_gateway = before == len(topology.layers)
        gateway = choose(self._random, list(topology.gateways.values()))
        onward = [choose(self._random, layer).hop for layer in topology.layers[0 if is_gateway else before + 1 :]]
        onward.append(gateway.hop)
        back = [choose(self._random, layer).hop for layer in topology.layers[:before]] + [own]

        identifier = self._random(SURB_IDENTIFIER_LENGTH)
        returning = draw_return(self._random, back, self._identity, identifier)
        carrier = draw_carrier(self._random, onward, gateway.identity, back[0])
        _, packet = self._core.build_packets((returning, carrier))
        self._under_way[identifier] = now
        while now - next(iter(self._under_way.values())) > LOST_AFTER_S:
            self._under_way.popitem(last=False)
        self._metrics.loops_sent += 1
        return MixPacket(onward[0].address, packet, topology.key_rotation)

    def has_returned(self, destination: bytes, identifier: bytes) -> bool:
        """Whether a packet that ends here is one of these loops, which is then counted."""
        if destination != self._identity or self._under_way.pop(identifier, None) is None:
            return False
        self._metrics.loops_returned += 1
        return True
