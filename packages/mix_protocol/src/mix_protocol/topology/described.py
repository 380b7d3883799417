"""The `described` document: what nodes tell of themselves.

Nym spec: nym-api `v2/nym-nodes/described`. A client needs it to find the address and the software version of IP packet
routers; only what it needs is required, everything else may be absent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mix_protocol.codec.json import encode_json
from mix_protocol.codec.steps import Steps, run
from mix_protocol.topology.documents import (
    Pagination,
    SupportedRoles,
    check_port,
    check_uint,
    decode_page,
    open_document,
    reading_document,
)

_U32 = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class SphinxKey:
    """A Sphinx key (base58) and the rotation that it serves; 2³²−1 marks a node without rotation."""

    rotation_id: int
    public_key: str

    def __post_init__(self) -> None:
        check_uint(self.rotation_id, _U32, "rotation_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseKey:
    """A node's static key for encrypted links between nodes (base58) and the Noise version that it speaks."""

    supported_version: int
    x25519_pubkey: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostKeys:
    """A node's public keys, base58."""

    ed25519: str
    x25519: str = ""
    current_x25519_sphinx_key: SphinxKey | None = None
    pre_announced_x25519_sphinx_key: SphinxKey | None = None
    x25519_versioned_noise: NoiseKey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostInformation:
    """Where a node is and who it is."""

    ip_address: list[str]
    hostname: str | None = None
    keys: HostKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncePorts:
    """Ports that differ from the defaults (mixing 1789, verloc 1790)."""

    verloc_port: int | None = None
    mix_port: int | None = None

    def __post_init__(self) -> None:
        check_port(self.verloc_port, "verloc_port")
        check_port(self.mix_port, "mix_port")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuxiliaryDetails:
    """What an operator adds by hand. `location` is a two-letter country code."""

    location: str | None = None
    announce_ports: AnnouncePorts = field(default_factory=AnnouncePorts)
    accepted_operator_terms_and_conditions: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildInformation:
    """Which software a node runs; `build_version` is a semantic version."""

    binary_name: str = "nym-node"
    build_timestamp: str = ""
    build_version: str
    commit_sha: str = ""
    commit_timestamp: str = ""
    commit_branch: str = ""
    rustc_version: str = ""
    rustc_channel: str = ""
    cargo_profile: str = ""
    cargo_triple: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRequester:
    """A node's SOCKS service. `address` is a Recipient's text."""

    address: str
    uses_exit_policy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAddress:
    """A service inside an exit gateway. `address` is a Recipient's text."""

    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wireguard:
    """A gateway's WireGuard end."""

    port: int
    tunnel_port: int = 51822
    metadata_port: int = 51830
    public_key: str

    def __post_init__(self) -> None:
        for name in ("port", "tunnel_port", "metadata_port"):
            check_port(getattr(self, name), name)


@dataclass(frozen=True, slots=True, kw_only=True)
class MixnetWebSockets:
    """Ports on which a gateway takes clients."""

    ws_port: int
    wss_port: int | None = None

    def __post_init__(self) -> None:
        check_port(self.ws_port, "ws_port")
        check_port(self.wss_port, "wss_port")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeDescription:
    """Everything that a node tells of itself."""

    last_polled: str = "1970-01-01 00:00:00.0 +00:00:00"
    host_information: HostInformation
    declared_role: SupportedRoles = field(default_factory=SupportedRoles)
    auxiliary_details: AuxiliaryDetails = field(default_factory=AuxiliaryDetails)
    build_information: BuildInformation
    network_requester: NetworkRequester | None = None
    ip_packet_router: ServiceAddress | None = None
    authenticator: ServiceAddress | None = None
    wireguard: Wireguard | None = None
    mixnet_websockets: MixnetWebSockets | None = None
    lewes_protocol: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedNode:
    """A node and its description."""

    node_id: int
    contract_node_type: str = "nym_node"
    description: NodeDescription

    def __post_init__(self) -> None:
        check_uint(self.node_id, _U32, "node_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedNodes:
    """Answer of `v2/nym-nodes/described`."""

    pagination: Pagination
    data: list[DescribedNode]

    @classmethod
    def of(cls, nodes: list[DescribedNode]) -> DescribedNodes:
        """The whole list as one page, as servers send it."""
        return cls(pagination=Pagination(total=len(nodes), page=0, size=len(nodes)), data=nodes)


def decode_described(data: bytes) -> DescribedNodes:
    """Decode the JSON of `described`. Nodes that can't be read are left out."""
    return run(decode_described_in_steps(data))


def decode_described_in_steps(data: bytes) -> Steps[DescribedNodes]:
    """`decode_described`, for an event loop that has other things to do, too."""
    what = "described nodes"
    with reading_document(data, what):
        document = yield from open_document(data, what)
        pagination, nodes = yield from decode_page(document, DescribedNode, what)
    return DescribedNodes(pagination=pagination, data=nodes)


def encode_described(document: DescribedNodes) -> bytes:
    """The compact JSON of `described`."""
    return encode_json(document)
