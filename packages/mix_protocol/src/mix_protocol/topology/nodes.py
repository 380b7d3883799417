"""Nodes in the form that a client works with: keys as bytes, addresses parsed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address

from mix_protocol.addressing import InvalidNodeAddress, NodeAddress
from mix_protocol.codec import base58
from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.topology.documents import SkimmedNode, SupportedRoles
from mix_protocol.topology.kinship import NOBODYS_KIN, Kinship
from mix_protocol.topology.route import RouteHop

KEY_LENGTH = 32

MIN_PERFORMANCE_PERCENT = 50
"""Nodes below this are not used, neither for mixing nor as gateways (the published client's default)."""

_HOSTNAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*\.?\Z")


@dataclass(frozen=True, slots=True)
class MixNode:
    """A node of a mixing layer.

    kinship -- what it must not share with another node of a route; empty if it may share anything
    hop -- this node as a hop of a route
    """

    node_id: int
    identity: bytes = field(repr=False)
    sphinx_key: bytes = field(repr=False)
    address: NodeAddress
    kinship: Kinship = field(default=NOBODYS_KIN, repr=False)
    hop: RouteHop = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hop", RouteHop(self.address, self.sphinx_key))


@dataclass(frozen=True, slots=True)
class GatewayNode:
    """A node that clients connect to, and that is the last hop of messages to them.

    identity -- Ed25519 public key, 32 bytes
    address -- where it takes Sphinx packets of other nodes
    hostname -- as announced for WebSockets; None if there is none, or none that could stand in a URL
    ws_port, wss_port -- None where it takes no clients that way
    kinship -- what it must not share with another node of a route; empty if it may share anything
    hop -- this node as a hop of a route
    """

    node_id: int
    identity: bytes = field(repr=False)
    sphinx_key: bytes = field(repr=False)
    address: NodeAddress
    hostname: str | None = field(default=None, repr=False)
    ws_port: int | None = None
    wss_port: int | None = None
    performance_percent: int = 100
    supported_roles: SupportedRoles = field(default_factory=SupportedRoles)
    kinship: Kinship = field(default=NOBODYS_KIN, repr=False)
    hop: RouteHop = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hop", RouteHop(self.address, self.sphinx_key))

    @property
    def takes_clients(self) -> bool:
        """Whether it announces a WebSocket at all."""
        return self.ws_port is not None

    @property
    def ws_host(self) -> str:
        """Host part of its WebSocket URL; an IPv6 address stands in brackets."""
        if self.hostname is not None:
            return self.hostname
        ip = self.address.ip
        return str(ip) if ip.version == 4 else f"[{ip}]"

    @property
    def uses_tls(self) -> bool:
        """Whether its URL is `wss://`, which takes a TLS port and a host name for the certificate."""
        return self.hostname is not None and self.wss_port is not None

    @property
    def is_on_loopback(self) -> bool:
        """Whether its URL leads to this very machine, so that nobody can listen on the way.

        The host in the URL decides: an address beside a host name proves nothing about where that name leads.
        """
        if self.hostname is not None:
            return self.hostname.rstrip(".").lower() == "localhost" or _is_loopback_ip(self.hostname)
        return self.address.ip.is_loopback

    @property
    def websocket_url(self) -> str:
        """`wss://` where TLS is possible, otherwise `ws://` by host name or else by address."""
        if self.uses_tls:
            return f"wss://{self.ws_host}:{self.wss_port}"
        return f"ws://{self.ws_host}:{self.ws_port}"


def mix_node_from(node: SkimmedNode, kinship: Kinship = NOBODYS_KIN) -> MixNode | None:
    """The mix node that a document describes; None if its keys or address can't be used."""
    parsed = _identity_key_address(node)
    return MixNode(node.node_id, *parsed, kinship=kinship) if parsed else None


def gateway_from(node: SkimmedNode, kinship: Kinship = NOBODYS_KIN) -> GatewayNode | None:
    """The gateway that a document describes; None if its keys or address can't be used."""
    parsed = _identity_key_address(node)
    if parsed is None:
        return None
    entry = node.entry
    hostname = entry.hostname if entry is not None else None
    if hostname is not None and not _HOSTNAME.match(hostname):
        hostname = None
    return GatewayNode(
        node.node_id,
        *parsed,
        hostname=hostname,
        ws_port=entry.ws_port if entry is not None else None,
        wss_port=entry.wss_port if entry is not None else None,
        performance_percent=node.performance_percent,
        supported_roles=node.supported_roles,
        kinship=kinship,
    )


def _identity_key_address(node: SkimmedNode) -> tuple[bytes, bytes, NodeAddress] | None:
    if not node.ip_addresses:
        return None
    try:
        identity = base58.decode(node.ed25519_identity_pubkey, KEY_LENGTH)
        sphinx_key = base58.decode(node.x25519_sphinx_pubkey, KEY_LENGTH)
        return identity, sphinx_key, NodeAddress.from_text(node.ip_addresses[0], node.mix_port)
    except (MalformedMessage, InvalidNodeAddress):
        return None


def _is_loopback_ip(text: str) -> bool:
    try:
        return ip_address(text).is_loopback
    except ValueError:
        return False
