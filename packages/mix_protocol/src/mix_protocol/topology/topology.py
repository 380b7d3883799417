"""What a client keeps of the directory: the nodes of each layer, the gateways, and routes through them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from mix_protocol.addressing import KeyRotation
from mix_protocol.codec.steps import Steps, run
from mix_protocol.crypto.randomness import RandomBytes, choose
from mix_protocol.topology.documents import RewardedSet, SkimmedNode, SkimmedNodes
from mix_protocol.topology.errors import (
    EmptyLayer,
    InconsistentDocuments,
    NoDiverseRoute,
    NoGateways,
    UnknownGateway,
)
from mix_protocol.topology.kinship import NOBODYS_KIN, Kinship, are_close, keys_of, kinship_of
from mix_protocol.topology.nodes import MIN_PERFORMANCE_PERCENT, GatewayNode, MixNode, gateway_from, mix_node_from
from mix_protocol.topology.route import RouteHop

LAYER_COUNT = 3

_NODES_IN_A_STEP = 200

_MOST_DRAWS = 256
"""Where one route in twenty is diverse, one call in 500,000 finds none."""


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

    def route_to(
        self, gateway_identity: bytes, random: RandomBytes, *, apart_from: Iterable[bytes] = ()
    ) -> tuple[RouteHop, ...]:
        """A fresh route: one node of each layer, then the gateway. Raises `UnknownGateway`, `NoDiverseRoute`.

        Each route is as likely in which no node is close to another one, or to the gateways `apart_from`.
        """
        gateway = self.gateways.get(gateway_identity)
        if gateway is None:
            raise UnknownGateway()
        ends = [self.gateways[end].kinship for end in apart_from if end in self.gateways and end != gateway_identity]
        for _ in range(_MOST_DRAWS):
            # What is refused as a whole is drawn anew as a whole, so that no route becomes likelier than others.
            nodes = [choose(random, layer) for layer in self.layers]
            if not are_close((gateway.kinship, *ends, *(node.kinship for node in nodes))):
                return (*(node.hop for node in nodes), gateway.hop)
        raise NoDiverseRoute()

    def are_apart(self, one: bytes, other: bytes) -> bool:
        """Whether two gateways may be the two ends of routes: they are not close, or one and the same.

        A gateway that is not known is close to nobody.
        """
        ends = {end: self.gateways[end].kinship for end in (one, other) if end in self.gateways}
        return not are_close(ends.values())

    def has_routes_between(self, one: bytes, other: bytes, random: RandomBytes) -> bool:
        """Whether routes lead to both gateways on which no node is close to another one, nor to either of them.

        A gateway that is not known is close to nobody.
        """
        try:
            for end, far_end in ((one, other), (other, one)):
                if end in self.gateways:
                    self.route_to(end, random, apart_from=(far_end,))
        except NoDiverseRoute:
            return False
        return True

    @classmethod
    def from_documents(
        cls,
        rewarded: RewardedSet,
        mixnodes: SkimmedNodes,
        gateways: SkimmedNodes,
        *,
        always_include: Collection[bytes] = (),
        allow_close_nodes: bool = False,
    ) -> Topology:
        """`join_in_steps`, in a row."""
        steps = cls.join_in_steps(
            rewarded, mixnodes, gateways, always_include=always_include, allow_close_nodes=allow_close_nodes
        )
        return run(steps)

    @classmethod
    def join_in_steps(
        cls,
        rewarded: RewardedSet,
        mixnodes: SkimmedNodes,
        gateways: SkimmedNodes,
        *,
        always_include: Collection[bytes] = (),
        allow_close_nodes: bool = False,
    ) -> Steps[Topology]:
        """Join the three documents, leaving out nodes that perform badly or can't be used.

        Layers come from the rewarded set, as the published client takes them.

        always_include -- identities of gateways that stay in whatever their performance: those that the client is
            already bound to, without which it could send nothing at all
        allow_close_nodes -- whether a route may have nodes of one operator or network, or even one node twice; where
            all nodes are on loopback, as those of a developer's own network are, only the latter has to be allowed
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
        documents = (*mixnodes.nodes.data, *gateways.nodes.data)
        find_kinship: FindKinship = keys_of if all(map(_is_on_loopback, documents)) else kinship_of
        if allow_close_nodes:
            find_kinship = _nobodys_kin
        layers = yield from _layers(rewarded, mixnodes, find_kinship)
        usable_gateways = yield from _gateways(gateways, always_include, find_kinship)
        return cls(
            layers=layers,
            gateways=MappingProxyType(usable_gateways),
            rotation_id=metadata.rotation_id,
            epoch_id=metadata.absolute_epoch_id,
        )


FindKinship = Callable[[SkimmedNode], Kinship]


def _nobodys_kin(_: SkimmedNode) -> Kinship:
    return NOBODYS_KIN


def _is_on_loopback(node: SkimmedNode) -> bool:
    first = node.ip_addresses[0] if node.ip_addresses else ""
    return first.startswith("127.") or first == "::1"


def _layers(
    rewarded: RewardedSet, mixnodes: SkimmedNodes, find_kinship: FindKinship
) -> Steps[tuple[tuple[MixNode, ...], ...]]:
    usable: dict[int, MixNode] = {}
    for number, document in enumerate(mixnodes.nodes.data, 1):
        node = mix_node_from(document, find_kinship(document)) if _performs(document) else None
        if node is not None:
            usable.setdefault(node.node_id, node)
        if number % _NODES_IN_A_STEP == 0:
            yield
    layers = []
    for layer_number, node_ids in enumerate(rewarded.layers, start=1):
        layer = tuple(usable[node_id] for node_id in dict.fromkeys(node_ids) if node_id in usable)
        if not layer:
            raise EmptyLayer(
                f"mixing layer {layer_number} has no usable node ({len(node_ids)} assigned); "
                "the network is not complete at the moment, try again later",
                layer=layer_number,
                assigned=len(node_ids),
            )
        layers.append(layer)
    return tuple(layers)


def _gateways(
    documents: SkimmedNodes, always_include: Collection[bytes], find_kinship: FindKinship
) -> Steps[dict[bytes, GatewayNode]]:
    usable: dict[bytes, GatewayNode] = {}
    for number, document in enumerate(documents.nodes.data, 1):
        node = gateway_from(document, find_kinship(document))
        if node is not None and (_performs(document) or node.identity in always_include):
            usable.setdefault(node.identity, node)
        if number % _NODES_IN_A_STEP == 0:
            yield
    if not usable:
        raise NoGateways(listed=len(documents.nodes.data))
    return usable


def _performs(node: SkimmedNode) -> bool:
    return node.performance_percent >= MIN_PERFORMANCE_PERCENT
