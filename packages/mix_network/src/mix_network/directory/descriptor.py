"""What the directory knows of one node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mix_network.node_keys import SphinxKeyring
from mix_protocol.addressing import NodeAddress, Recipient
from mix_protocol.topology.features import NodeFeature

Role = Literal["mix-node", "entry-gateway", "exit-gateway"]


@dataclass(frozen=True)
class NodeDescriptor:
    """One node as it registered with the directory.

    layer -- 1 to 3 for a mix node, otherwise None
    ws_port -- where a gateway takes clients; None for a mix node
    ip_packet_router -- the address of an exit gateway's IP packet router
    features -- what it can do beside what all nodes can
    build_version -- the semantic version that the node announces; clients choose the router's protocol by it
    """

    node_id: int
    role: Role
    identity: bytes
    keyring: SphinxKeyring
    address: NodeAddress
    layer: int | None = None
    ws_port: int | None = None
    ip_packet_router: Recipient | None = None
    features: frozenset[NodeFeature] = frozenset()
    build_version: str = "1.40.0"
