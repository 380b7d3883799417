"""Which nodes belong to the network: the answer to "may a packet go there?"."""

from __future__ import annotations

from collections.abc import Iterable

from mix_protocol.addressing import NodeAddress


class NetworkView:
    """The addresses of the network's nodes, shared by the nodes that run together.

    A node forwards only to nodes of the network, so that nobody can use it to send bytes to a stranger
    (Nym spec: "next hop must belong to a known node"). Whole socket addresses are compared, not IP addresses alone,
    because the nodes of a local network share one IP address with everything else on the machine.
    """

    def __init__(self, addresses: Iterable[NodeAddress] = ()) -> None:
        self._addresses = frozenset(addresses)
        self.version = 0
        """Another one after each update."""

    def update(self, addresses: Iterable[NodeAddress]) -> None:
        """Replace the known nodes."""
        self._addresses = frozenset(addresses)
        self.version += 1

    def knows(self, address: NodeAddress) -> bool:
        """Whether a node of the network listens at this address."""
        return address in self._addresses

    def __len__(self) -> int:
        return len(self._addresses)
