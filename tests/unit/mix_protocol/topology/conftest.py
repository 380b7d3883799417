"""A network of three layers and three gateways, as documents that tests change one thing in."""

from dataclasses import dataclass, replace

import pytest

from mix_protocol.addressing import Recipient
from mix_protocol.codec import base58
from mix_protocol.topology.described import (
    BuildInformation,
    DescribedNode,
    DescribedNodes,
    HostInformation,
    HostKeys,
    NodeDescription,
    ServiceAddress,
)
from mix_protocol.topology.documents import (
    EntryInterface,
    RewardedSet,
    SkimmedMetadata,
    SkimmedNode,
    SkimmedNodes,
    SupportedRoles,
    mixnode_role,
)
from mix_protocol.topology.topology import Topology


def key(number: int) -> bytes:
    """A key that a reader recognises."""
    return bytes([number]) * 32


def mixnode(node_id: int, layer: int, **changes) -> SkimmedNode:
    node = SkimmedNode(
        node_id=node_id,
        ed25519_identity_pubkey=base58.encode(key(node_id)),
        ip_addresses=[f"10.1.{node_id}.1"],
        mix_port=1789,
        x25519_sphinx_pubkey=base58.encode(key(100 + node_id)),
        role=mixnode_role(layer),
        supported_roles=SupportedRoles(mixnode=True),
        performance="1",
    )
    return replace(node, **changes)


def gateway(node_id: int, **changes) -> SkimmedNode:
    node = SkimmedNode(
        node_id=node_id,
        ed25519_identity_pubkey=base58.encode(key(node_id)),
        ip_addresses=[f"10.1.{node_id}.1", f"2001:db8:{node_id}::1"],
        mix_port=1789,
        x25519_sphinx_pubkey=base58.encode(key(100 + node_id)),
        role="EntryGateway",
        supported_roles=SupportedRoles(entry=True, exit_ipr=True),
        entry=EntryInterface(ws_port=9000),
        performance="1",
    )
    return replace(node, **changes)


def router_of(node_id: int) -> Recipient:
    return Recipient(key(200 + node_id), key(210 + node_id), key(node_id))


def described(node_id: int, version: str = "1.40.0", address: str | None = "") -> DescribedNode:
    text = router_of(node_id).to_text() if address == "" else address
    keys = HostKeys(ed25519=base58.encode(key(node_id)), x25519=base58.encode(key(100 + node_id)))
    description = NodeDescription(
        host_information=HostInformation(ip_address=[f"10.1.{node_id}.1"], keys=keys),
        build_information=BuildInformation(build_version=version),
        ip_packet_router=ServiceAddress(address=text) if text is not None else None,
    )
    return DescribedNode(node_id=node_id, description=description)


def skimmed(*nodes: SkimmedNode, epoch: int = 1000, rotation: int = 41) -> SkimmedNodes:
    metadata = SkimmedMetadata(absolute_epoch_id=epoch, rotation_id=rotation, refreshed_at="2026-11-21 08:00:00.0 +00")
    return SkimmedNodes.of(metadata, list(nodes))


@dataclass
class Directory:
    """The documents of one network."""

    rewarded: RewardedSet
    mixnodes: list[SkimmedNode]
    gateways: list[SkimmedNode]
    described: DescribedNodes

    def topology(self, **arguments) -> Topology:
        return Topology.from_documents(self.rewarded, skimmed(*self.mixnodes), skimmed(*self.gateways), **arguments)

    def change_mixnode(self, node_id: int, **changes) -> None:
        self.mixnodes = [replace(n, **changes) if n.node_id == node_id else n for n in self.mixnodes]

    def change_gateway(self, node_id: int, **changes) -> None:
        self.gateways = [replace(n, **changes) if n.node_id == node_id else n for n in self.gateways]


@pytest.fixture
def directory() -> Directory:
    return Directory(
        RewardedSet(
            epoch_id=1000, entry_gateways=[1, 2], exit_gateways=[3], layer1=[11, 12], layer2=[21], layer3=[31, 32]
        ),
        [mixnode(11, 1), mixnode(12, 1), mixnode(21, 2), mixnode(31, 3), mixnode(32, 3)],
        [gateway(1), gateway(2), gateway(3)],
        DescribedNodes.of([described(1), described(2), described(3)]),
    )
