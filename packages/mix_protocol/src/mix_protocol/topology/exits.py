"""Which exit gateways run an IP packet router that a client can use, and which version it speaks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from mix_protocol.addressing import MalformedRecipient, Recipient
from mix_protocol.codec.steps import Steps, run
from mix_protocol.topology.described import DescribedNode, DescribedNodes
from mix_protocol.topology.documents import SkimmedNodes
from mix_protocol.topology.errors import NoCompatibleExit, NoExit
from mix_protocol.topology.features import NodeFeature, features_of
from mix_protocol.topology.nodes import MIN_PERFORMANCE_PERCENT

_NODES_IN_A_STEP = 200

IPR_V9 = 9
IPR_V10 = 10

# https://semver.org: numbers without bound there, but no real version needs more than six digits each.
_SEMVER = re.compile(r"(\d{1,6})\.(\d{1,6})\.(\d{1,6})(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?", re.ASCII)


class NodeVersion(NamedTuple):
    """A node's semantic version, ordered as such: a pre-release comes before its release."""

    major: int
    minor: int
    patch: int
    is_release: bool = True

    @classmethod
    def parse(cls, text: str) -> NodeVersion | None:
        """None if `text` is no semantic version."""
        match = _SEMVER.fullmatch(text) if len(text) <= 128 else None
        if match is None:
            return None
        major, minor, patch = (int(match[group]) for group in (1, 2, 3))
        return cls(major, minor, patch, match[4] is None)


_FIRST_V9 = NodeVersion(1, 30, 0)
_FIRST_V10 = NodeVersion(1, 37, 0)


def ipr_version_of(build_version: str) -> int | None:
    """The IP packet router protocol that a node of this version speaks: 9, 10, or None if it is too old for us."""
    version = NodeVersion.parse(build_version)
    if version is None or version < _FIRST_V9:
        return None
    return IPR_V10 if version >= _FIRST_V10 else IPR_V9


@dataclass(frozen=True, slots=True)
class ExitNode:
    """An exit gateway's IP packet router.

    recipient -- the router's own address in the mixnet
    version -- the node's software version, as it announces it
    ipr_version -- 9 or 10
    performance_percent -- the gateway's, 0 to 100: the weight when one is chosen at random
    features -- what it announces beside, if it is one of this family
    """

    recipient: Recipient
    version: str
    ipr_version: int
    performance_percent: int
    features: frozenset[NodeFeature] = frozenset()

    @property
    def gateway(self) -> bytes:
        """Identity of the gateway that it sits in."""
        return self.recipient.gateway


def list_exits(described: DescribedNodes, skimmed: SkimmedNodes) -> tuple[ExitNode, ...]:
    """`list_exits_in_steps`, in a row."""
    return run(list_exits_in_steps(described, skimmed))


def list_exits_in_steps(described: DescribedNodes, skimmed: SkimmedNodes) -> Steps[tuple[ExitNode, ...]]:
    """Every usable exit, in the order of `described`.

    Usable is one that both documents list, that supports the role, performs well enough to be routed to, and speaks
    protocol 9 or newer. Raises `NoExit` or `NoCompatibleExit`.
    """
    performance = {
        node.ed25519_identity_pubkey: node.performance_percent
        for node in skimmed.nodes.data
        if node.supported_roles.exit_ipr
    }
    exits: list[ExitNode] = []
    too_old = 0
    for number, node in enumerate(described.data, 1):
        if number % _NODES_IN_A_STEP == 0:
            yield
        percent = performance.get(node.description.host_information.keys.ed25519, 0)
        recipient = _router_of(node)
        if recipient is None or percent < MIN_PERFORMANCE_PERCENT:
            continue
        build = node.description.build_information
        ipr_version = ipr_version_of(build.build_version)
        if ipr_version is None:
            too_old += 1
            continue
        exits.append(ExitNode(recipient, build.build_version, ipr_version, percent, features_of(build)))
    if exits:
        return tuple(exits)
    if too_old:
        raise NoCompatibleExit(too_old=too_old)
    raise NoExit(listed=len(described.data))


def find_exit(recipient: Recipient, described: DescribedNodes) -> ExitNode:
    """The exit that a caller has pinned, whatever the directory says of its performance.

    One that the directory does not know is assumed to speak protocol 9 (its `version` is then empty), as the published
    client assumes. Raises `NoCompatibleExit` when it is known to be too old.
    """
    for node in described.data:
        if _router_of(node) != recipient:
            continue
        build = node.description.build_information
        ipr_version = ipr_version_of(build.build_version)
        if ipr_version is None:
            raise NoCompatibleExit("the chosen exit gateway runs software that is too old for this client", too_old=1)
        return ExitNode(recipient, build.build_version, ipr_version, 100, features_of(build))
    return ExitNode(recipient, "", IPR_V9, 100)


def _router_of(node: DescribedNode) -> Recipient | None:
    service = node.description.ip_packet_router
    if service is None:
        return None
    try:
        return Recipient.from_text(service.address)
    except MalformedRecipient:
        return None
