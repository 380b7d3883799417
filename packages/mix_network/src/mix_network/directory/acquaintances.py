"""What directories learn from each other: nodes that have announced themselves elsewhere, and who tries them."""

from __future__ import annotations

from collections.abc import Callable

from mix_network.directory.options import ListedNode
from mix_network.directory.peers import DirectoryPeer, DirectoryStatement
from mix_network.directory.registered_node import RegisteredNode
from mix_network.directory.registration import Registration
from mix_network.directory.registry import NodeRegistry
from mix_protocol.topology.described import NodeDescription

_FIRST_PROBER_ID = 0xFFFF_FFFE
"""Their numbers stay out of the way of nodes'."""


class Acquaintances:
    """Keeps it. A peer's word is no registration: nodes that it knows are asked themselves."""

    def __init__(self, registry: NodeRegistry, registration: Registration) -> None:
        self._registry = registry
        self._registration = registration
        self._probers: dict[bytes, NodeDescription] = {}
        self.own_prober: Callable[[float], NodeDescription] | None = None
        """Describes this directory's own prober, if it has one."""
        registry.probers = self._list_probers

    async def meet(self, peer: DirectoryPeer, statement: DirectoryStatement) -> None:
        """Take what a peer has said."""
        if statement.prober is not None:
            self._probers[peer.key] = statement.prober
        await self._registration.ask_named(filter(None, map(ListedNode.parse, statement.nodes)))

    def statement(self, wall_s: float) -> DirectoryStatement:
        """What this directory tells the others, but for its commitments."""
        return DirectoryStatement(
            made_at=int(wall_s),
            prober=self.own_prober(wall_s) if self.own_prober is not None else None,
            nodes=[ListedNode(node.identity, node.host, node.http_port).to_text() for node in self._registry.nodes],
        )

    def _list_probers(self, wall_s: float) -> list[RegisteredNode]:
        own = [self.own_prober(wall_s)] if self.own_prober is not None else []
        described = own + list(self._probers.values())
        return [RegisteredNode(_FIRST_PROBER_ID - place, each) for place, each in enumerate(described)]
