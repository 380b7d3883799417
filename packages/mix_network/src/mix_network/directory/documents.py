"""Makes the directory's documents from what it knows of the nodes. No clock of its own.

Nym spec: nym-api `v1/nym-nodes/rewarded-set`, `v2/unstable/nym-nodes/skimmed*`, `v2/nym-nodes/described`,
`v1/epoch/*`.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from mix_network.directory.descriptor import NodeDescriptor
from mix_network.rotation import RotationSchedule
from mix_protocol.codec import base58
from mix_protocol.topology.described import (
    AnnouncePorts,
    AuxiliaryDetails,
    BuildInformation,
    DescribedNode,
    DescribedNodes,
    HostInformation,
    HostKeys,
    MixnetWebSockets,
    NodeDescription,
    ServiceAddress,
    SphinxKey,
)
from mix_protocol.topology.documents import (
    ENTRY_GATEWAY,
    EXIT_GATEWAY,
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
    SupportedRoles,
    mixnode_role,
)
from mix_protocol.topology.features import announce_features

_EPOCHS_IN_INTERVAL = 720
_BUILD_DATE = "2026-06-01T00:00:00.000000000Z"


class DirectoryDocuments:
    """The documents of a network with fixed nodes. `wall_s` are seconds since 1970."""

    def __init__(self, nodes: Sequence[NodeDescriptor], schedule: RotationSchedule) -> None:
        self._nodes = tuple(nodes)
        self._schedule = schedule

    def rewarded_set(self, wall_s: float) -> RewardedSet:
        """Which node has which job in this epoch; in this network it is the same one in every epoch."""
        mix = [node for node in self._nodes if node.role == "mix-node"]
        return RewardedSet(
            epoch_id=self._schedule.epoch_at(wall_s),
            entry_gateways=[node.node_id for node in self._nodes if node.role == "entry-gateway"],
            exit_gateways=[node.node_id for node in self._nodes if node.role == "exit-gateway"],
            layer1=[node.node_id for node in mix if node.layer == 1],
            layer2=[node.node_id for node in mix if node.layer == 2],
            layer3=[node.node_id for node in mix if node.layer == 3],
        )

    def skimmed(self, wall_s: float, *roles: str) -> SkimmedNodes:
        """What clients must know of the nodes with one of these roles, or of all nodes."""
        epoch = self._schedule.epoch_at(wall_s)
        metadata = SkimmedMetadata(
            absolute_epoch_id=epoch, rotation_id=self._schedule.rotation_of(epoch), refreshed_at=_spaced_time(wall_s)
        )
        self._update_keys(wall_s)
        nodes = [_skimmed_node(node) for node in self._nodes if not roles or node.role in roles]
        return SkimmedNodes.of(metadata, nodes)

    def described(self, wall_s: float) -> DescribedNodes:
        """What the nodes tell of themselves."""
        self._update_keys(wall_s)
        return DescribedNodes.of([_described_node(node, wall_s) for node in self._nodes])

    def _update_keys(self, wall_s: float) -> None:
        # At a rotation's boundary the directory may be asked before the nodes have noticed that it has passed.
        for node in self._nodes:
            node.keyring.update(wall_s)

    def key_rotation_info(self, wall_s: float) -> KeyRotationInfo:
        """Which key rotation is in force and for how long."""
        epoch = self._schedule.epoch_at(wall_s)
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
        epoch = self._schedule.epoch_at(wall_s)
        interval, epoch_in_interval = divmod(epoch, _EPOCHS_IN_INTERVAL)
        return {
            "id": interval,
            "epochs_in_interval": _EPOCHS_IN_INTERVAL,
            "current_epoch_start": _rfc3339_time(self._schedule.epoch_start(epoch)),
            "current_epoch_id": epoch_in_interval,
            "epoch_length": {"secs": self._schedule.epoch_duration_s, "nanos": 0},
            "total_elapsed_epochs": epoch,
        }


def _spaced_time(wall_s: float) -> str:
    moment = datetime.datetime.fromtimestamp(wall_s, datetime.UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f +00:00:00")


def _rfc3339_time(wall_s: float) -> str:
    return datetime.datetime.fromtimestamp(wall_s, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _epoch_role(node: NodeDescriptor) -> EpochRole:
    if node.layer is not None:
        return mixnode_role(node.layer)
    return ENTRY_GATEWAY if node.role == "entry-gateway" else EXIT_GATEWAY


def _supported_roles(node: NodeDescriptor) -> SupportedRoles:
    return SupportedRoles(
        mixnode=node.role == "mix-node",
        entry=node.ws_port is not None,
        exit_ipr=node.ip_packet_router is not None,
    )


def _skimmed_node(node: NodeDescriptor) -> SkimmedNode:
    return SkimmedNode(
        node_id=node.node_id,
        ed25519_identity_pubkey=base58.encode(node.identity),
        ip_addresses=[str(node.address.ip)],
        mix_port=node.address.port,
        x25519_sphinx_pubkey=base58.encode(node.keyring.current.public),
        role=_epoch_role(node),
        supported_roles=_supported_roles(node),
        entry=EntryInterface(ws_port=node.ws_port) if node.ws_port is not None else None,
        performance="1",
    )


def _described_node(node: NodeDescriptor, wall_s: float) -> DescribedNode:
    current, next_key = node.keyring.current, node.keyring.pre_announced
    keys = HostKeys(
        ed25519=base58.encode(node.identity),
        x25519=base58.encode(current.public),
        current_x25519_sphinx_key=SphinxKey(rotation_id=current.rotation_id, public_key=base58.encode(current.public)),
        pre_announced_x25519_sphinx_key=SphinxKey(
            rotation_id=next_key.rotation_id, public_key=base58.encode(next_key.public)
        )
        if next_key is not None
        else None,
    )
    router = node.ip_packet_router
    return DescribedNode(
        node_id=node.node_id,
        description=NodeDescription(
            last_polled=_spaced_time(wall_s),
            host_information=HostInformation(ip_address=[str(node.address.ip)], keys=keys),
            declared_role=_supported_roles(node),
            auxiliary_details=AuxiliaryDetails(
                announce_ports=AnnouncePorts(mix_port=node.address.port), accepted_operator_terms_and_conditions=True
            ),
            build_information=_build_information(node),
            ip_packet_router=ServiceAddress(address=router.to_text()) if router is not None else None,
            # The published client wants this on every node, also on those that take no clients.
            mixnet_websockets=MixnetWebSockets(ws_port=node.ws_port if node.ws_port is not None else 9000),
        ),
    )


def _build_information(node: NodeDescriptor) -> BuildInformation:
    return BuildInformation(
        binary_name=announce_features(node.features),
        build_timestamp=_BUILD_DATE,
        build_version=node.build_version,
        commit_sha="0" * 40,
        commit_timestamp=_BUILD_DATE,
        commit_branch="HEAD",
        rustc_version="none",
        rustc_channel="none",
        cargo_profile="release",
        cargo_triple="python",
    )
