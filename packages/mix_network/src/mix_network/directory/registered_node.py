"""What a directory knows of one node: what the node itself has told, and what the directory has found out."""

from __future__ import annotations

from dataclasses import dataclass

from mix_network.directory.draw import Candidate
from mix_protocol.codec import base58
from mix_protocol.topology.described import HostKeys, NodeDescription, SphinxKey

DEFAULT_MIX_PORT = 1789


@dataclass(frozen=True)
class RegisteredNode:
    """One node.

    node_id -- the number that this directory has given it
    description -- its own words, public keys alone
    performance -- 0 to 1, as clients weigh it
    """

    node_id: int
    description: NodeDescription
    performance: float = 1.0

    @property
    def identity(self) -> bytes:
        """The Ed25519 public key."""
        return base58.decode(self.description.host_information.keys.ed25519)

    @property
    def mix_port(self) -> int:
        """Where it takes packets of other nodes."""
        return self.description.auxiliary_details.announce_ports.mix_port or DEFAULT_MIX_PORT

    @property
    def candidate(self) -> Candidate:
        """What the draw of an epoch must know."""
        roles = self.description.declared_role
        return Candidate(
            self.node_id,
            self.identity,
            mixes=roles.mixnode,
            enters=roles.entry,
            exits=roles.exit_ipr or roles.exit_nr,
        )

    def has_key(self, rotation_id: int) -> bool:
        """Whether it has told its key of a rotation."""
        return any(key.rotation_id == rotation_id for key in _keys_of(self.description.host_information.keys))

    def sphinx_key(self, rotation_id: int) -> str:
        """The key, in base58, that packets of a rotation are made with.

        Nym spec: choice of a node's key. Where none is of that rotation the one in force is as good as any: the node
        has not followed, and what is sent to it is lost either way.
        """
        keys = self.description.host_information.keys
        found = next((key for key in _keys_of(keys) if key.rotation_id == rotation_id), None)
        if found is None:
            found = keys.current_x25519_sphinx_key
        return found.public_key if found is not None else keys.x25519


def _keys_of(keys: HostKeys) -> list[SphinxKey]:
    both = (keys.current_x25519_sphinx_key, keys.pre_announced_x25519_sphinx_key)
    return [key for key in both if key is not None]
