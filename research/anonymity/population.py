"""The nodes of a network: their keys and addresses, and who mixes in which layer, as the directory draws it."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address

from mix_network.directory.draw import Candidate, draw_rewarded_set
from mix_protocol.addressing import NodeAddress
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.topology.kinship import Kinship
from mix_protocol.topology.nodes import GatewayNode, MixNode
from mix_protocol.topology.topology import Topology

ROTATION = 7
_PORT, _WS_PORT = 1789, 9000


@dataclass(frozen=True)
class Member:
    """A node. Every one has a network of its own, so that any may stand on a route with any other."""

    number: int
    identity: bytes = field(repr=False)
    secret: bytes = field(repr=False)
    public: bytes = field(repr=False)
    address: NodeAddress
    kinship: Kinship = field(repr=False)


class Population:
    """So many mix nodes, entry gateways and exits, numbered in this order."""

    def __init__(self, crypto: CryptoProvider, random: RandomBytes, mixes: int, entries: int, exits: int) -> None:
        self._random_seed = random(32)
        members = [_member(crypto, random, number) for number in range(mixes + entries + exits)]
        self.members = tuple(members)
        self.mixes = tuple(members[:mixes])
        self.entries = tuple(members[mixes : mixes + entries])
        self.exits = tuple(members[mixes + entries :])
        self._candidates = (
            *(Candidate(each.number, each.identity, mixes=True) for each in self.mixes),
            *(Candidate(each.number, each.identity, enters=True) for each in self.entries),
            *(Candidate(each.number, each.identity, exits=True) for each in self.exits),
        )
        self._gateways = {
            each.identity: GatewayNode(
                each.number, each.identity, each.public, each.address, ws_port=_WS_PORT, kinship=each.kinship
            )
            for each in (*self.entries, *self.exits)
        }

    def topology(self, epoch: int = 1) -> Topology:
        """What a client reads of the directory in an epoch: each draws the layers anew."""
        drawn = draw_rewarded_set(self._random_seed, epoch, self._candidates)
        layers = tuple(tuple(self._mix_node(number) for number in numbers) for numbers in drawn.layers)
        return Topology(layers=layers, gateways=self._gateways, rotation_id=ROTATION, epoch_id=epoch)

    def _mix_node(self, number: int) -> MixNode:
        member = self.members[number]
        return MixNode(number, member.identity, member.public, member.address, member.kinship)


def _member(crypto: CryptoProvider, random: RandomBytes, number: int) -> Member:
    secret, identity = random(32), crypto.ed25519_public(random(32))
    address = NodeAddress(IPv4Address((11 << 24) + (number << 8) + 1), _PORT)
    kinship = frozenset((f"identity {identity.hex()}", f"network {number}"))
    return Member(number, identity, secret, crypto.x25519_public(secret), address, kinship)
