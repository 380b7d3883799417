"""Tries nodes with packets, as a network monitor does: which of them come back tells how a node performs.

A probe goes to one node and straight back, so what is lost was lost by that node (or by the way to it). A mix node
passes it on like any packet. A gateway gets what a client's packet looks like at its end, for nobody who is there, and
sends the acknowledgement in it on. A node can tell probes by where they lead and treat them better than others: this
finds nodes that are broken or overloaded, not those that cheat.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from mix_network.directory.registered_node import RegisteredNode
from mix_network.mixnode.loop_packets import draw_carrier, draw_return
from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.codec import base58
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.sphinx.core import sphinx_core
from mix_protocol.sphinx.geometry import SURB_IDENTIFIER_LENGTH
from mix_protocol.sphinx.mix_packet import MixPacket
from mix_protocol.topology.route import RouteHop

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
        self._under_way: dict[bytes, tuple[int, float]] = {}
        self._arrived: Counter[int] = Counter()

    def make(self, node: RegisteredNode, rotation_id: int, own: RouteHop, now: float) -> MixPacket:
        """A probe for a node, with keys of this rotation. `own` is where it comes back to."""
        address = NodeAddress.from_text(node.description.host_information.ip_address[0], node.mix_port)
        hop = RouteHop(address, base58.decode(node.sphinx_key(rotation_id)))
        identifier = self._random(SURB_IDENTIFIER_LENGTH)
        back = [own] if node.candidate.is_gateway else [hop, own]
        returning = draw_return(self._random, back, self._identity, identifier)
        if node.candidate.is_gateway:
            carrier = draw_carrier(self._random, [hop], node.identity, own)
            _, packet = self._core.build_packets((returning, carrier))
        else:
            (packet,) = self._core.build_packets((returning,))
        self._under_way[identifier] = node.node_id, now
        return MixPacket(address, packet, KeyRotation.from_rotation_id(rotation_id))

    def has_returned(self, destination: bytes, identifier: bytes) -> bool:
        """Whether a packet that ends here is one of these; each counts once."""
        if destination != self._identity or identifier not in self._under_way:
            return False
        node_id, _ = self._under_way.pop(identifier)
        self._arrived[node_id] += 1
        return True

    def take_results(self, now: float) -> dict[int, float]:
        """By number of the node, the share that has come back of those whose fate was decided since the last time."""
        lost: Counter[int] = Counter()
        for identifier, (node_id, sent_at) in list(self._under_way.items()):
            if now - sent_at < LOST_AFTER_S:
                break
            del self._under_way[identifier]
            lost[node_id] += 1
        arrived, self._arrived = self._arrived, Counter()
        return {node_id: arrived[node_id] / (arrived[node_id] + lost[node_id]) for node_id in arrived | lost}
