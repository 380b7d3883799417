"""The smaller documents in which a node tells what it is and does (Nym spec, node HTTP API; paths: `answers`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mix_protocol.topology.described import AnnouncePorts, MixnetWebSockets, Wireguard
from mix_protocol.topology.documents import SupportedRoles, check_uint

HEALTHY = "up"

_U64 = 0xFFFF_FFFF_FFFF_FFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRoles:
    """Which jobs the node's operator has switched on."""

    mixnode_enabled: bool
    gateway_enabled: bool
    network_requester_enabled: bool
    ip_packet_router_enabled: bool

    def to_supported_roles(self) -> SupportedRoles:
        """The same as the directory lists it."""
        return SupportedRoles(
            mixnode=self.mixnode_enabled,
            entry=self.gateway_enabled,
            exit_nr=self.network_requester_enabled,
            exit_ipr=self.ip_packet_router_enabled,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AuxiliaryDetailsV2:
    """What an operator adds by hand, with the account (`address`) that the node belongs to on a chain."""

    location: str | None = None
    address: str
    announce_ports: AnnouncePorts = field(default_factory=AnnouncePorts)
    accepted_operator_terms_and_conditions: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorDescription:
    """An operator's words for people."""

    moniker: str = ""
    website: str = ""
    security_contact: str = ""
    details: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """That the node works, and for how many seconds it has."""

    status: str = HEALTHY
    uptime: int

    def __post_init__(self) -> None:
        check_uint(self.uptime, _U64, "uptime")

    @property
    def is_up(self) -> bool:
        """Whether it says that it works."""
        return self.status == HEALTHY


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDetails:
    """A service inside an exit gateway: its keys (base58), and its address as a Recipient's text."""

    encoded_identity_key: str
    encoded_x25519_key: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientInterfaces:
    """Where a gateway takes clients."""

    wireguard: Wireguard | None = None
    mixnet_websockets: MixnetWebSockets | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A gateway's terms: whether clients have to pay, and where they are taken."""

    enforces_zk_nyms: bool = False
    client_interfaces: ClientInterfaces = field(default_factory=ClientInterfaces)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeModeStatus:
    """Whether a gateway follows the network's upgrade mode. Times are text of RFC 3339, keys base58."""

    enabled: bool
    last_queried: str
    attestation_provider: str
    attester_pubkey: str
    published_attestation: dict[str, Any] | None = None
