"""Who is in a directory's network: those that have announced themselves, and answer. No clock, no socket."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Final

from mix_network.directory.draw import Candidate
from mix_network.directory.registered_node import RegisteredNode
from mix_network.directory.state import DirectoryState, KnownNode
from mix_network.errors import RegistrationRefused
from mix_protocol.topology.described import NodeDescription

MAX_NODES: Final = 1000
_PRIOR: Final = 1.0
"""A node that was never measured is taken to be good, as it has just answered."""


@dataclass(frozen=True)
class Admission:
    """Whom a directory takes.

    identities -- these alone; empty for everybody
    allow_local -- nodes on this machine's own loopback, as in tests
    """

    identities: frozenset[bytes] = frozenset()
    allow_local: bool = False

    def check(self, identity: bytes, host: str) -> None:
        """Raises `RegistrationRefused`."""
        if self.identities and identity not in self.identities:
            raise RegistrationRefused("this directory admits listed nodes alone; ask its operator", status=403, why="")
        try:
            address = ip_address(host)
        except ValueError:
            raise RegistrationRefused("announce an IP address", status=400, why="") from None
        if self.allow_local and address.is_loopback:
            return
        if address.is_unspecified or address.is_loopback or address.is_multicast or address.is_link_local:
            raise RegistrationRefused(
                "announce an address that others can reach; for nodes on one machine the directory needs allow_local",
                status=400,
                why="",
            )


class NodeRegistry:
    """The nodes, in memory and on disk.

    absent_after_s -- who has not answered for so long is not listed any more
    """

    def __init__(self, state: DirectoryState, admission: Admission, absent_after_s: float) -> None:
        self._state = state
        self._admission = admission
        self._absent_after_s = absent_after_s
        self._nodes = {node.identity: node for node in state.nodes()}
        self._performance: dict[int, float] = {}
        self.probers: Callable[[float], list[RegisteredNode]] = lambda _: []
        """Gives the nodes from which directories try the others: nodes send nothing to who is not listed."""

    def __len__(self) -> int:
        return len(self._nodes)

    @property
    def nodes(self) -> Collection[KnownNode]:
        """All that ever registered."""
        return list(self._nodes.values())

    def find(self, identity: bytes) -> KnownNode | None:
        """The node with this identity."""
        return self._nodes.get(identity)

    def admit(self, identity: bytes, host: str) -> None:
        """Whether a node may register; that it is there is checked by the caller. Raises `RegistrationRefused`."""
        self._admission.check(identity, host)
        if identity not in self._nodes and len(self._nodes) >= MAX_NODES:
            raise RegistrationRefused("the directory has as many nodes as it can", status=403, why="")

    def register(
        self, identity: bytes, host: str, http_port: int, description: NodeDescription, wall_s: float
    ) -> KnownNode:
        """Take a node that was admitted, asked, and has answered."""
        node_id = self._state.announce(identity, host, http_port, wall_s)
        self._state.describe(node_id, description, wall_s)
        node = KnownNode(node_id, identity, host, http_port, wall_s, wall_s, description)
        self._nodes[identity] = node
        return node

    def answered(self, identity: bytes, description: NodeDescription, wall_s: float) -> None:
        """A registered node has said this."""
        node = self._nodes[identity]
        self._state.describe(node.node_id, description, wall_s)
        self._nodes[identity] = replace(node, description=description, answered_at=wall_s)

    def set_performance(self, performance: dict[int, float]) -> None:
        """How well nodes do, 0 to 1, by number."""
        self._performance = performance

    def registered(self, wall_s: float) -> list[RegisteredNode]:
        """Those that are listed."""
        return self.probers(wall_s) + self.answering(wall_s)

    def answering(self, wall_s: float) -> list[RegisteredNode]:
        """The nodes among them that have registered."""
        return [
            RegisteredNode(node.node_id, node.description, self._performance.get(node.node_id, _PRIOR))
            for node in self._nodes.values()
            if node.description is not None
            and node.answered_at is not None
            and wall_s - node.answered_at <= self._absent_after_s
        ]

    def described(self) -> list[RegisteredNode]:
        """All that have ever told what they are, whether they answer now or not."""
        return [
            RegisteredNode(node.node_id, node.description, self._performance.get(node.node_id, _PRIOR))
            for node in self._nodes.values()
            if node.description is not None
        ]

    def candidates(
        self, wall_s: float, *, least_performance: float = 0.0, heard_within_s: float = math.inf
    ) -> list[Candidate]:
        """Those that may get a job. `least_performance` is from 0 to 1."""
        heard = {node.node_id for node in self.nodes if wall_s - (node.answered_at or 0.0) <= heard_within_s}
        return [
            node.candidate
            for node in self.answering(wall_s)
            if node.performance >= least_performance and node.node_id in heard
        ]
