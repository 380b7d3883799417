"""Tries nodes with packets, as a network monitor does: which of them come back tells how a node performs.

A probe of one kind goes to one node and straight back, so what is lost was lost by that node (or by the way to it). A
mix node passes it on like any packet. A gateway gets what a client's packet looks like at its end, for nobody who is
there, and sends the acknowledgement in it on. A node can tell these by where they lead and treat them better.

A probe of the other kind takes a whole route, as clients' packets do: through three mix nodes to a gateway, whose
acknowledgement goes through three mix nodes, too. Only the first and the last of the seven can tell it from any other
packet, and each node stands in every place now and then. What is lost there was lost by one of seven; `tomography` says
by whom.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from mix_network.directory.registered_node import RegisteredNode
from mix_network.directory.tomography import Path
from mix_network.mixnode.loop_packets import draw_carrier, draw_return
from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.codec import base58
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.sphinx.core import sphinx_core
from mix_protocol.sphinx.geometry import SURB_IDENTIFIER_LENGTH
from mix_protocol.sphinx.mix_packet import MixPacket
from mix_protocol.topology.route import RouteHop


@dataclass
class ProbeResults:
    """What has become of probes.

    shares -- by number of the node, the share that has come back of those through it alone
    paths -- the numbers of the nodes of each whole route that was tried, and whether the packet came back
    """

    shares: dict[int, float] = field(default_factory=dict)
    paths: list[tuple[Path, bool]] = field(default_factory=list)


LOST_AFTER_S: Final = 15.0
"""Nodes hold a packet for ten seconds at most."""


class Probes:
    """Makes probes and counts those that come back. No clock, no socket.

    identity -- the prober's own, 32 bytes, to which probes are addressed
    """

    def __init__(self, crypto: CryptoProvider, random: RandomBytes, identity: bytes) -> None:
        self._core = sphinx_core(crypto)
        self._random = random
        self._identity = identity
        # In the order in which they were sent.
        self._under_way: dict[bytes, tuple[Path, float]] = {}
        self._arrived: list[Path] = []

    def make(self, node: RegisteredNode, rotation_id: int, own: RouteHop, now: float) -> MixPacket:
        """A probe for a node, with keys of this rotation. `own` is where it comes back to."""
        hop = _hop(node, rotation_id)
        identifier = self._random(SURB_IDENTIFIER_LENGTH)
        back = [own] if node.candidate.is_gateway else [hop, own]
        returning = draw_return(self._random, back, self._identity, identifier)
        if node.candidate.is_gateway:
            carrier = draw_carrier(self._random, [hop], node.identity, own)
            _, packet = self._core.build_packets((returning, carrier))
        else:
            (packet,) = self._core.build_packets((returning,))
        self._under_way[identifier] = (node.node_id,), now
        return MixPacket(hop.address, packet, KeyRotation.from_rotation_id(rotation_id))

    def make_whole(
        self,
        onward: Sequence[RegisteredNode],
        back: Sequence[RegisteredNode],
        rotation_id: int,
        own: RouteHop,
        now: float,
    ) -> MixPacket:
        """A probe for a whole route: mix nodes and a gateway `onward`, mix nodes `back`, then `own`."""
        there, home = ([_hop(node, rotation_id) for node in nodes] for nodes in (onward, back))
        identifier = self._random(SURB_IDENTIFIER_LENGTH)
        returning = draw_return(self._random, [*home, own], self._identity, identifier)
        carrier = draw_carrier(self._random, there, onward[-1].identity, home[0])
        _, packet = self._core.build_packets((returning, carrier))
        self._under_way[identifier] = tuple(node.node_id for node in (*onward, *back)), now
        return MixPacket(there[0].address, packet, KeyRotation.from_rotation_id(rotation_id))

    def has_returned(self, destination: bytes, identifier: bytes) -> bool:
        """Whether a packet that ends here is one of these; each counts once."""
        if destination != self._identity or identifier not in self._under_way:
            return False
        path, _ = self._under_way.pop(identifier)
        self._arrived.append(path)
        return True

    def take_results(self, now: float) -> ProbeResults:
        """Of those whose fate was decided since the last time."""
        decided = [(path, True) for path in self._arrived]
        self._arrived = []
        for identifier, (path, sent_at) in list(self._under_way.items()):
            if now - sent_at < LOST_AFTER_S:
                break
            del self._under_way[identifier]
            decided.append((path, False))
        alone = [(path[0], has_returned) for path, has_returned in decided if len(path) == 1]
        sent, arrived = (
            Counter(node for node, _ in alone),
            Counter(node for node, has_returned in alone if has_returned),
        )
        return ProbeResults(
            {node: arrived[node] / count for node, count in sent.items()},
            [each for each in decided if len(each[0]) > 1],
        )


def _hop(node: RegisteredNode, rotation_id: int) -> RouteHop:
    address = NodeAddress.from_text(node.description.host_information.ip_address[0], node.mix_port)
    return RouteHop(address, base58.decode(node.sphinx_key(rotation_id)))
