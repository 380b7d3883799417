"""Makes the directory's documents from what it knows of the nodes. No clock of its own.

Nym spec: nym-api `v1/nym-nodes/rewarded-set`, `v2/unstable/nym-nodes/{skimmed*,semi-skimmed}`,
`v{1,2}/nym-nodes/described`, `v1/unstable/nym-nodes/by-addresses`, `v1/epoch/*`.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from mix_network.directory.registered_node import RegisteredNode
from mix_network.network_view import canonical_ip
from mix_network.rotation import RotationSchedule
from mix_protocol.node_api.directory_requests import AddressesAnswer, AddressesRequest
from mix_protocol.topology.described import DescribedNode, DescribedNodes, NodeDescription
from mix_protocol.topology.documents import (
    ENTRY_GATEWAY,
    EXIT_GATEWAY,
    INACTIVE,
    STANDBY,
    EntryInterface,
    EpochDuration,
    EpochRole,
    KeyRotationInfo,
    KeyRotationState,
    RewardedSet,
    RotationProgress,
    SkimmedMetadata,
    SkimmedNode,
    SkimmedNodes,
    assigned_layer,
    mixnode_role,
)
from mix_protocol.topology.semi_skimmed import (
    Row,
    SemiSkimmedNode,
    SemiSkimmedNodes,
    SemiSkimmedNodesV1,
    SemiSkimmedNodeV3,
    SemiSkimmedPage,
)

_EPOCHS_IN_INTERVAL = 720
_DESCRIBED_V1 = tuple(part.name for part in fields(NodeDescription) if part.name != "lewes_protocol")


@dataclass(frozen=True)
class SnapshotLists:
    """The two lists of one moment."""

    nodes: SkimmedNodes
    described: DescribedNodes


class DirectoryDocuments:
    """The documents of a network. `wall_s` are seconds since 1970.

    nodes -- gives who is in the network at a moment, as they describe themselves then
    assign -- gives who does what in an epoch
    published -- gives the epoch that documents are of while another one goes on; by default they are of that
    """

    def __init__(
        self,
        nodes: Callable[[float], Sequence[RegisteredNode]],
        assign: Callable[[int], RewardedSet],
        schedule: RotationSchedule,
        published: Callable[[int], int] = lambda epoch: epoch,
    ) -> None:
        self._nodes = nodes
        self._assign = assign
        self._schedule = schedule
        self._published = published

    def epoch(self, wall_s: float) -> int:
        """The epoch that documents are of."""
        return self._published(self._schedule.epoch_at(wall_s))

    def rewarded_set(self, wall_s: float) -> RewardedSet:
        """Which node has which job in this epoch."""
        return self._assign(self.epoch(wall_s))

    def skimmed(self, wall_s: float, *roles: str) -> SkimmedNodes:
        """What clients must know of the nodes with one of these roles, or of all nodes.

        Gateways and mix nodes are who declare that they are; an active mix node is in one of the epoch's layers.
        """
        epoch = self.epoch(wall_s)
        rotation_id = self._schedule.rotation_of(epoch)
        metadata = SkimmedMetadata(absolute_epoch_id=epoch, rotation_id=rotation_id, refreshed_at=_spaced_time(wall_s))
        assigned = roles_of(self._assign(epoch))
        nodes = [
            skimmed_row(node, rotation_id, assigned.get(node.node_id, INACTIVE))
            for node in self._nodes(wall_s)
            if not roles or not _roles_in(node, assigned).isdisjoint(roles)
        ]
        return SkimmedNodes.of(metadata, nodes)

    def of_epoch(self, epoch: int, wall_s: float, rewarded: RewardedSet) -> SnapshotLists:
        """The lists that directories sign together: of the nodes that can do something for clients."""
        rotation_id = self._schedule.rotation_of(epoch)
        now = _spaced_time(wall_s)
        metadata = SkimmedMetadata(absolute_epoch_id=epoch, rotation_id=rotation_id, refreshed_at=now)
        assigned = roles_of(rewarded)
        nodes = [node for node in self._nodes(wall_s) if node.candidate.mixes or node.candidate.is_gateway]
        rows = [skimmed_row(node, rotation_id, assigned.get(node.node_id, INACTIVE)) for node in nodes]
        return SnapshotLists(
            SkimmedNodes.of(metadata, rows), DescribedNodes.of([_described(node, now) for node in nodes])
        )

    def semi_skimmed(self, wall_s: float) -> SemiSkimmedNodes[SemiSkimmedNode]:
        """What nodes must know of each other: all of them, with their keys for encrypted links."""
        return self._semi_skimmed(
            wall_s,
            lambda basic, described: SemiSkimmedNode(
                basic=basic, x25519_noise_versioned_key=described.host_information.keys.x25519_versioned_noise
            ),
        )

    def semi_skimmed_v1(self, wall_s: float) -> SemiSkimmedNodesV1:
        """The same in the form from before there were rotations."""
        document = self.semi_skimmed(wall_s)
        return SemiSkimmedNodesV1(refreshed_at=document.metadata.refreshed_at, nodes=document.nodes)

    def semi_skimmed_v3(self, wall_s: float) -> SemiSkimmedNodes[SemiSkimmedNodeV3]:
        """The same with the versions of their software."""
        return self._semi_skimmed(
            wall_s,
            lambda basic, described: SemiSkimmedNodeV3(
                basic=basic,
                noise_key=described.host_information.keys.x25519_versioned_noise,
                build_version=described.build_information.build_version,
                lp=described.lewes_protocol,
            ),
        )

    def _semi_skimmed(self, wall_s: float, row: Callable[[SkimmedNode, NodeDescription], Row]) -> SemiSkimmedNodes[Row]:
        skimmed = self.skimmed(wall_s)
        described = {node.node_id: node.description for node in self._nodes(wall_s)}
        rows = [row(node, described[node.node_id]) for node in skimmed.nodes.data if node.node_id in described]
        return SemiSkimmedNodes(metadata=skimmed.metadata, nodes=SemiSkimmedPage.of(rows))

    def has(self, identity: bytes, wall_s: float) -> bool:
        """Whether a node of the network has this Ed25519 identity."""
        return any(node.identity == identity for node in self._nodes(wall_s))

    def by_addresses(self, wall_s: float, request: AddressesRequest) -> AddressesAnswer:
        """Whose addresses these are."""
        owners: dict[IPv4Address | IPv6Address, int] = {}
        for node in self._nodes(wall_s):
            for text in node.description.host_information.ip_address:
                owners.setdefault(canonical_ip(ip_address(text)), node.node_id)
        return AddressesAnswer(
            existence={text: owners.get(canonical_ip(ip_address(text))) for text in request.addresses}
        )

    def described_v1(self, wall_s: float) -> dict[str, Any]:
        """What the nodes tell of themselves, without the Lewes protocol."""
        document = self.described(wall_s)
        rows = [
            {
                "node_id": node.node_id,
                "contract_node_type": node.contract_node_type,
                "description": {name: getattr(node.description, name) for name in _DESCRIBED_V1},
            }
            for node in document.data
        ]
        return {"pagination": document.pagination, "data": rows}

    def described(self, wall_s: float) -> DescribedNodes:
        """What the nodes tell of themselves."""
        now = _spaced_time(wall_s)
        return DescribedNodes.of([_described(node, now) for node in self._nodes(wall_s)])

    def key_rotation_info(self, wall_s: float) -> KeyRotationInfo:
        """Which key rotation is in force and for how long."""
        return self.key_rotation_of(self.epoch(wall_s))

    def key_rotation_of(self, epoch: int) -> KeyRotationInfo:
        """Which key rotation is in force in an epoch."""
        rotation_id = self._schedule.rotation_of(epoch)
        epochs = self._schedule.epochs_of(rotation_id)
        return KeyRotationInfo(
            key_rotation_state=KeyRotationState(validity_epochs=self._schedule.validity_epochs, initial_epoch_id=0),
            current_absolute_epoch_id=epoch,
            current_epoch_start=_rfc3339_time(self._schedule.epoch_start(epoch)),
            epoch_duration=EpochDuration(secs=self._schedule.epoch_duration_s),
            progress=RotationProgress(
                current_key_rotation_id=rotation_id,
                current_rotation_starting_epoch=epochs[0],
                current_rotation_ending_epoch=epochs[-1],
            ),
        )

    def current_epoch(self, wall_s: float) -> dict[str, Any]:
        """The interval and the epoch within it."""
        epoch = self.epoch(wall_s)
        interval, epoch_in_interval = divmod(epoch, _EPOCHS_IN_INTERVAL)
        return {
            "id": interval,
            "epochs_in_interval": _EPOCHS_IN_INTERVAL,
            "current_epoch_start": _rfc3339_time(self._schedule.epoch_start(epoch)),
            "current_epoch_id": epoch_in_interval,
            "epoch_length": {"secs": self._schedule.epoch_duration_s, "nanos": 0},
            "total_elapsed_epochs": epoch,
        }


def _described(node: RegisteredNode, now: str) -> DescribedNode:
    return DescribedNode(node_id=node.node_id, description=replace(node.description, last_polled=now))


def _spaced_time(wall_s: float) -> str:
    moment = datetime.datetime.fromtimestamp(wall_s, datetime.UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f +00:00:00")


def _rfc3339_time(wall_s: float) -> str:
    return datetime.datetime.fromtimestamp(wall_s, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def roles_of(rewarded: RewardedSet) -> dict[int, EpochRole]:
    """The jobs of an epoch by number of the node."""
    roles: dict[int, EpochRole] = dict.fromkeys(rewarded.standby, STANDBY)
    roles |= dict.fromkeys(rewarded.entry_gateways, ENTRY_GATEWAY)
    roles |= dict.fromkeys(rewarded.exit_gateways, EXIT_GATEWAY)
    for layer, members in enumerate(rewarded.layers, 1):
        roles |= dict.fromkeys(members, mixnode_role(layer))
    return roles


def _roles_in(node: RegisteredNode, assigned: Mapping[int, EpochRole]) -> set[str]:
    declared = node.candidate
    names = {
        "mix-node": declared.mixes,
        "active-mix-node": assigned_layer(assigned.get(node.node_id, INACTIVE)) is not None,
        "entry-gateway": declared.enters and not declared.exits,
        "exit-gateway": declared.exits,
    }
    return {name for name, holds in names.items() if holds}


def skimmed_row(node: RegisteredNode, rotation_id: int, role: EpochRole) -> SkimmedNode:
    """What clients must know of a node, with its key for this rotation."""
    description = node.description
    host, sockets = description.host_information, description.mixnet_websockets
    entry = None
    if description.declared_role.entry and sockets is not None:
        entry = EntryInterface(hostname=host.hostname, ws_port=sockets.ws_port, wss_port=sockets.wss_port)
    return SkimmedNode(
        node_id=node.node_id,
        ed25519_identity_pubkey=host.keys.ed25519,
        ip_addresses=host.ip_address,
        mix_port=node.mix_port,
        x25519_sphinx_pubkey=node.sphinx_key(rotation_id),
        role=role,
        supported_roles=description.declared_role,
        entry=entry,
        performance=f"{node.performance:.4f}".rstrip("0").rstrip("."),
    )
