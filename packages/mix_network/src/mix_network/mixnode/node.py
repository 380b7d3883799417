"""A mix node."""

from __future__ import annotations

from mix_network.metrics import NodeMetrics
from mix_network.mixnode.mixing import MixingNode, NodeContext
from mix_network.node_keys import IdentityKeys, SphinxKeyring
from mix_protocol.addressing import NodeAddress


class MixNodeServer:
    """A node of one mixing layer: it only ever passes packets on."""

    def __init__(
        self, context: NodeContext, identity: IdentityKeys, keyring: SphinxKeyring, *, name: str, layer: int
    ) -> None:
        self.identity = identity
        self.keyring = keyring
        self.layer = layer
        self.metrics = NodeMetrics(name, "mix-node")
        self._mixing = MixingNode(context, keyring, self.metrics, mixes=True, on_final=None)
        self.address: NodeAddress | None = None

    async def start(self, port: int = 0) -> NodeAddress:
        """Listen; returns the address where the node takes packets."""
        self.address = await self._mixing.start(port)
        return self.address

    async def close(self) -> None:
        """Stop listening and drop what is held."""
        await self._mixing.close()
