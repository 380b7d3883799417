"""What a client keeps of the directory: the nodes of each layer, the gateways, and routes through them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from mix_protocol.addressing import KeyRotation
from mix_protocol.crypto.randomness import RandomBytes, choose
from mix_protocol.topology.documents import RewardedSet, SkimmedNode, SkimmedNodes
from mix_protocol.topology.errors import EmptyLayer, InconsistentDocuments, NoGateways, UnknownGateway
from mix_protocol.topology.nodes import MIN_PERFORMANCE_PERCENT, GatewayNode, MixNode, gateway_from, mix_node_from
from mix_protocol.topology.route import RouteHop

LAYER_COUNT = 3


@dataclass(frozen=True, slots=True)
class Topology:
    """A snapshot of the network for one epoch.

    layers -- the usable mix nodes of layers 1 to 3, none of them empty
    gateways -- usable gateways by identity
    rotation_id -- the key rotation that every `sphinx_key` in here belongs to
    """

    layers: tuple[tuple[MixNode, ...], ...]
    gateways: Mapping[bytes, GatewayNode] = field(repr=False)
    rotation_id: int
    epoch_id: int = 0

    @property
    def key_rotation(self) -> KeyRotation:
        """The parity that packets built from this snapshot carry."""
        return KeyRotation.from_rotation_id(self.rotation_id)

    def route_to(self, gateway_identity: bytes, random: RandomBytes) -> tuple[RouteHop, ...]:
        """A fresh route: one node of each layer, each as likely, then the gateway. Raises `UnknownGateway`."""
        gateway = self.gateways.get(gateway_identity)
        if gateway is None:
            raise UnknownGateway()
        return (*(choose(random, layer).hop for layer in self.layers), gateway.hop)

    @classmethod
    def from_documents(
        cls,
        rewarded: RewardedSet,
        mixnodes: SkimmedNodes,
        gateways: SkimmedNodes,
        *,
        always_include: Collection[bytes] = (),
    ) -> Topology:
        """Join the three documents, leaving out nodes that perform badly or can't be used.

        Layers come from the rewarded set, as the published client takes them.

        always_include -- identities of gateways that stay in whatever their performance: those that the client is
            already bound to, without which it could send nothing at all
        """
        metadata = mixnodes.metadata
        for other, epoch in (
            ("the two node lists", gateways.metadata.absolute_epoch_id),
            ("the rewarded set and the node lists", rewarded.epoch_id),
        ):
            if epoch != metadata.absolute_epoch_id:
                raise InconsistentDocuments(f"{other} belong to different epochs; try again in a moment")
        if gateways.metadata.rotation_id != metadata.rotation_id:
            raise InconsistentDocuments("the two node lists belong to different key rotations; try again in a moment")
        return cls(
            layers=_layers(rewarded, mixnodes),
            gateways=MappingProxyType(_gateways(gateways, always_include)),
            rotation_id=metadata.rotation_id,
            epoch_id=metadata.absolute_epoch_id,
        )


def _layers(rewarded: RewardedSet, mixnodes: SkimmedNodes) -> tuple[tuple[MixNode, ...], ...]:
    usable: dict[int, MixNode] = {}
    for document in mixnodes.nodes.data:
        node = mix_node_from(document) if _performs(document) else None
        if node is not None:
            usable.setdefault(node.node_id, node)
    layers = []
    for number, node_ids in enumerate(rewarded.layers, start=1):
        layer = tuple(usable[node_id] for node_id in dict.fromkeys(node_ids) if node_id in usable)
        if not layer:
            raise EmptyLayer(
                f"mixing layer {number} has no usable node ({len(node_ids)} assigned); "
                "the network is not complete at the moment, try again later",
                layer=number,
                assigned=len(node_ids),
            )
        layers.append(layer)
    return tuple(layers)


def _gateways(documents: SkimmedNodes, always_include: Collection[bytes]) -> dict[bytes, GatewayNode]:
    usable: dict[bytes, GatewayNode] = {}
    for document in documents.nodes.data:
        node = gateway_from(document)
        if node is not None and (_performs(document) or node.identity in always_include):
            usable.setdefault(node.identity, node)
    if not usable:
        raise NoGateways(listed=len(documents.nodes.data))
    return usable


def _performs(node: SkimmedNode) -> bool:
    return node.performance_percent >= MIN_PERFORMANCE_PERCENT
