"""What a node tells about itself. Only public keys leave it.

Nym spec: a node's HTTP API, of which a directory makes `described`. A directory in the same process asks the same
object that the HTTP API asks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mix_network.node_keys import SphinxKeyPair, SphinxKeyring
from mix_protocol.addressing import Recipient
from mix_protocol.codec import base58
from mix_protocol.noise.frames import VERSION as NOISE_VERSION
from mix_protocol.topology.described import (
    AnnouncePorts,
    AuxiliaryDetails,
    BuildInformation,
    HostInformation,
    HostKeys,
    MixnetWebSockets,
    NodeDescription,
    NoiseKey,
    ServiceAddress,
    SphinxKey,
)
from mix_protocol.topology.documents import SupportedRoles
from mix_protocol.topology.features import NodeFeature, announce_features

DEFAULT_WS_PORT = 9000
_BUILD_DATE = "2026-06-01T00:00:00.000000000Z"


@dataclass(frozen=True, kw_only=True)
class NodeFacts:
    """What of a node stays as long as it runs.

    ip_addresses -- where others reach it, the one for mixing first
    mix_port -- where it takes packets of other nodes
    hostname -- a name for its addresses, which wss needs
    mixes, ws_port, ip_packet_router -- its roles: mix node, gateway for clients, exit
    features -- what it can do beside what all nodes can
    build_version -- semantic version; clients choose the router's protocol by it
    requires_bandwidth -- whether it grants free bandwidth to those alone that its operator has listed
    location -- two letters of a country, as its operator says
    """

    ip_addresses: tuple[str, ...]
    mix_port: int
    hostname: str | None = None
    mixes: bool = False
    ws_port: int | None = None
    wss_port: int | None = None
    ip_packet_router: Recipient | None = None
    features: frozenset[NodeFeature] = frozenset()
    build_version: str
    location: str | None = None
    accepts_terms: bool = True
    requires_bandwidth: bool = False


class SelfDescription:
    """Tells what a node is, with the keys that hold at the moment of asking.

    identity -- its public key
    keyring -- moved on by whoever asks, for at a rotation's boundary that may be before the node has noticed it
    facts -- asked each time, for ports are known only once the node listens
    noise -- its public key for encrypted links with other nodes, or None where it has none
    """

    def __init__(
        self, identity: bytes, keyring: SphinxKeyring, facts: Callable[[], NodeFacts], noise: bytes | None = None
    ) -> None:
        self._identity = identity
        self._keyring = keyring
        self._facts = facts
        self._noise = noise

    @property
    def facts(self) -> NodeFacts:
        """What stays."""
        return self._facts()

    def describe(self, wall_s: float) -> NodeDescription:
        """Everything at once, as a directory lists it. `wall_s` are seconds since 1970."""
        facts = self._facts()
        router = facts.ip_packet_router
        return NodeDescription(
            host_information=self.host_information(wall_s),
            declared_role=self.roles(),
            auxiliary_details=self.auxiliary_details(),
            build_information=self.build_information(),
            ip_packet_router=ServiceAddress(address=router.to_text()) if router is not None else None,
            mixnet_websockets=self.mixnet_websockets(),
        )

    def host_information(self, wall_s: float) -> HostInformation:
        """Where the node is and its public keys, that of the next rotation too once it is announced."""
        self._keyring.update(wall_s)
        current, following = self._keyring.current, self._keyring.pre_announced
        keys = HostKeys(
            ed25519=base58.encode(self._identity),
            x25519=base58.encode(current.public),
            current_x25519_sphinx_key=_announced(current),
            pre_announced_x25519_sphinx_key=_announced(following) if following is not None else None,
            x25519_versioned_noise=NoiseKey(supported_version=NOISE_VERSION, x25519_pubkey=base58.encode(self._noise))
            if self._noise is not None
            else None,
        )
        facts = self._facts()
        return HostInformation(ip_address=list(facts.ip_addresses), hostname=facts.hostname, keys=keys)

    def roles(self) -> SupportedRoles:
        """What it can do in the network."""
        facts = self._facts()
        return SupportedRoles(
            mixnode=facts.mixes, entry=facts.ws_port is not None, exit_ipr=facts.ip_packet_router is not None
        )

    def auxiliary_details(self) -> AuxiliaryDetails:
        """What its operator says."""
        facts = self._facts()
        return AuxiliaryDetails(
            location=facts.location,
            announce_ports=AnnouncePorts(mix_port=facts.mix_port),
            accepted_operator_terms_and_conditions=facts.accepts_terms,
        )

    def mixnet_websockets(self) -> MixnetWebSockets:
        """Where it takes clients. The published client wants this on every node, also on those that take none."""
        facts = self._facts()
        ws_port = facts.ws_port if facts.ws_port is not None else DEFAULT_WS_PORT
        return MixnetWebSockets(ws_port=ws_port, wss_port=facts.wss_port)

    def build_information(self) -> BuildInformation:
        """Which software it runs."""
        facts = self._facts()
        return BuildInformation(
            binary_name=announce_features(facts.features),
            build_timestamp=_BUILD_DATE,
            build_version=facts.build_version,
            commit_sha="0" * 40,
            commit_timestamp=_BUILD_DATE,
            commit_branch="HEAD",
            rustc_version="none",
            rustc_channel="none",
            cargo_profile="release",
            cargo_triple="python",
        )


def _announced(pair: SphinxKeyPair) -> SphinxKey:
    return SphinxKey(rotation_id=pair.rotation_id, public_key=base58.encode(pair.public))
