"""A mix node."""

from __future__ import annotations

import os

from mix_network.metrics import NodeMetrics
from mix_network.mixnode.loop_cover import LoopCover
from mix_network.mixnode.mixing import MixingNode, NodeContext
from mix_network.mixnode.processing import ReplayFilters
from mix_network.node_keys import IdentityKeys, NoiseKeys, SphinxKeyring
from mix_protocol.addressing import NodeAddress
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.topology.topology import Topology


class MixNodeServer:
    """A mix node: it passes packets on, and sends loop cover of its own.

    layer -- where it serves in this epoch, or None; whoever assigns layers changes it
    noise -- the key for encrypted links that it announces, or None
    """

    def __init__(
        self,
        context: NodeContext,
        identity: IdentityKeys,
        keyring: SphinxKeyring,
        *,
        name: str,
        layer: int | None,
        random: RandomBytes = os.urandom,
        noise: NoiseKeys | None = None,
        replay_filters: ReplayFilters | None = None,
    ) -> None:
        self.identity = identity
        self.noise = noise
        self.keyring = keyring
        self.layer = layer
        self.metrics = NodeMetrics(name, "mix-node")
        self._loops = LoopCover(context.crypto, random, self.metrics, identity=identity.public, rate=context.cover_rate)
        self._mixing = MixingNode(
            context,
            keyring,
            self.metrics,
            mixes=True,
            on_final=None,
            loops=self._loops,
            noise_secret=noise.secret if noise is not None else None,
            replay_filters=replay_filters,
        )
        self.address: NodeAddress | None = None

    async def start(self, port: int = 0) -> NodeAddress:
        """Listen; returns the address where the node takes packets."""
        self.address = await self._mixing.start(port)
        return self.address

    def set_topology(self, topology: Topology) -> None:
        """Take a new picture of the network, for the node's own cover."""
        self._loops.set_topology(topology)

    async def drain(self, limit_s: float) -> None:
        """Take no more packets of other nodes, and let those that are held go on, for so long at most."""
        await self._mixing.drain(limit_s)

    async def close(self) -> None:
        """Stop listening and drop what is held."""
        await self._mixing.close()

    async def kill(self) -> None:
        """End at once: every connection breaks, and what is held is lost."""
        await self.close()

    async def restart(self) -> None:
        """Stop, where it still runs, and start again on the same port, with the same keys. Raises `PortUnavailable`."""
        address = self.address
        assert address is not None, "it must have been started"
        await self.kill()
        await self.start(address.port)

    def stop(self) -> None:
        """Do nothing any more, as a process that got SIGSTOP, until `resume`."""
        self._mixing.stop()

    def resume(self) -> None:
        """Go on where it stopped."""
        self._mixing.resume()
