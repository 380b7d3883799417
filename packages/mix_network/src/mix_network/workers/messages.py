"""What the longer messages between processes hold. They travel as JSON; bytes in it are base64."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from mix_network.node_keys import SphinxKeyPair
from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.addressing.node_address import MAX_ENCODED_LENGTH

_ROTATION_LENGTH: Final = 1


@dataclass(frozen=True, slots=True)
class Key:
    """A node's Sphinx key of one rotation."""

    rotation_id: int
    secret: bytes = field(repr=False)
    public: bytes

    @classmethod
    def of(cls, pair: SphinxKeyPair) -> Key:
        return cls(pair.rotation_id, pair.secret, pair.public)

    def pair(self) -> SphinxKeyPair:
        """As node keys are held elsewhere."""
        return SphinxKeyPair(self.rotation_id, self.secret, self.public)


@dataclass(frozen=True, slots=True)
class Keys:
    """All that a node holds."""

    keys: list[Key]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node listens, what a person calls it, and the key that it announces for encrypted links."""

    ip: str
    port: int
    name: str
    noise_key: bytes | None = None


@dataclass(frozen=True, slots=True)
class NodePart:
    """A node, of which a worker does a part.

    nodes_way, clients_way -- descriptors over which connections are handed over; no clients come to a mix node
    seen_table, clients_table -- descriptors of the memory that its workers share
    identity_seed -- a gateway's, for clients' registrations
    service -- the identity of the service inside a gateway
    noise_secret -- the key for encrypted links that it announces, or None
    """

    name: str
    role: str
    identity: bytes
    keys: list[Key]
    nodes_way: int
    seen_table: int
    clients_way: int | None = None
    clients_table: int | None = None
    identity_seed: bytes | None = field(default=None, repr=False)
    service: bytes | None = None
    noise_secret: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Start:
    """What a worker is started with.

    number -- this worker's; no two workers of a network ever have the same
    place -- which one of `workers` it is; another one that takes its place after its death has it, too
    peers_way -- the descriptor over which channels to other workers are handed over
    wall_offset_s -- what the main process's clock is ahead of this machine's
    """

    number: int
    place: int
    workers: int
    host: str
    peers_way: int
    nodes: list[NodePart]
    places: list[Place]
    link: str
    link_seed: int
    wall_offset_s: float
    queue_packets: int
    queue_bytes: int
    connect_timeout_s: float
    backoff_initial_s: float
    backoff_max_s: float
    max_peers: int
    max_clients: int
    require_bandwidth: bool
    only_local: bool
    allow_origins: list[str]


@dataclass(frozen=True, slots=True)
class Counters:
    """What one worker's nodes have counted, in the order of `Start.nodes`, and the CPU time that it took."""

    nodes: list[dict[str, Any]]
    cpu_s: float


def encode_packet(next_hop: NodeAddress, packet: bytes, key_rotation: KeyRotation) -> bytes:
    """The content of `Kind.SEND`."""
    return b"".join((bytes((key_rotation,)), next_hop.encode_padded(MAX_ENCODED_LENGTH), packet))


def decode_packet(content: bytes) -> tuple[NodeAddress, bytes, KeyRotation]:
    """What `encode_packet` was given."""
    end = _ROTATION_LENGTH + MAX_ENCODED_LENGTH
    return NodeAddress.decode(content[_ROTATION_LENGTH:end]), content[end:], KeyRotation.from_byte(content[0])
