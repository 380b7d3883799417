"""Single-use reply blocks: a ready header with the keys that seal one answer under it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from mix_protocol.addressing import NodeAddress
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.sphinx.errors import MalformedSurb
from mix_protocol.sphinx.geometry import (
    HEADER_LENGTH,
    MAX_HOPS,
    NODE_ADDRESS_LENGTH,
    PAYLOAD_KEY_LENGTH,
    PAYLOAD_SEED_LENGTH,
    PacketSize,
)
from mix_protocol.sphinx.header import build_header
from mix_protocol.sphinx.keys import payload_key_from_seed
from mix_protocol.sphinx.payload import check_fits, seal_payload
from mix_protocol.sphinx.version import SphinxVersion
from mix_protocol.topology.route import RouteHop

SURB_BASE_LENGTH: Final = HEADER_LENGTH + NODE_ADDRESS_LENGTH

_MATERIAL_LENGTHS: Final = {
    SphinxVersion.FULL_KEYS: PAYLOAD_KEY_LENGTH,
    SphinxVersion.SEEDED: PAYLOAD_SEED_LENGTH,
}


def surb_length(version: SphinxVersion, hops: int) -> int:
    """Give the encoded length of a SURB in bytes."""
    return SURB_BASE_LENGTH + hops * _MATERIAL_LENGTHS[version]


@dataclass(frozen=True, slots=True)
class Surb:
    """A reply block: whoever holds it can send one packet to its maker without knowing who that is.

    header -- 348 bytes, ready to send
    first_hop -- where the packet goes first
    key_material -- for each hop, in the route's order, a seed (16 bytes) or a whole payload key (192 bytes)
    """

    header: bytes = field(repr=False)
    first_hop: NodeAddress
    key_material: tuple[bytes, ...] = field(repr=False)

    @property
    def version(self) -> SphinxVersion:
        """The header version, told by the length of the key material."""
        seeded = len(self.key_material[0]) == PAYLOAD_SEED_LENGTH
        return SphinxVersion.SEEDED if seeded else SphinxVersion.FULL_KEYS

    @property
    def hops(self) -> int:
        """The number of hops that a reply will take, the gateway included."""
        return len(self.key_material)

    def encode(self) -> bytes:
        """Give `header | first hop, padded to 32 bytes | key material`."""
        return b"".join((self.header, self.first_hop.encode_padded(NODE_ADDRESS_LENGTH), *self.key_material))

    @classmethod
    def decode(cls, data: bytes | memoryview) -> Surb:
        """Read what `encode` writes, which must fill `data`; raises `MalformedSurb` or `MalformedNodeAddress`."""
        data = bytes(data)
        material = data[SURB_BASE_LENGTH:]
        step = PAYLOAD_SEED_LENGTH if len(material) < PAYLOAD_KEY_LENGTH else PAYLOAD_KEY_LENGTH
        hops, excess = divmod(len(material), step)
        if excess or not 1 <= hops <= MAX_HOPS:
            raise MalformedSurb(length=len(data))
        first_hop = NodeAddress.decode(data[HEADER_LENGTH:SURB_BASE_LENGTH])
        pieces = tuple(material[at : at + step] for at in range(0, len(material), step))
        return cls(data[:HEADER_LENGTH], first_hop, pieces)

    def use(self, crypto: CryptoProvider, message: bytes, size: PacketSize) -> tuple[NodeAddress, bytes]:
        """Seal a message under the header: the address to send to, and the packet. Never use a SURB twice."""
        check_fits(message, size)
        payload_keys = self.key_material
        if self.version is SphinxVersion.SEEDED:
            payload_keys = tuple(payload_key_from_seed(crypto, seed) for seed in self.key_material)
        return self.first_hop, self.header + seal_payload(crypto, payload_keys, message, size)


def build_surb(
    crypto: CryptoProvider,
    random: RandomBytes,
    *,
    route: Sequence[RouteHop],
    delays_ns: Sequence[int],
    destination: bytes,
    version: SphinxVersion = SphinxVersion.SEEDED,
) -> Surb:
    """Build a SURB over a route that ends at the maker's gateway; `destination` is the maker's identity.

    Raises `InvalidRoute`, or `InvalidPublicKey` for a node key of low order.
    """
    built = build_header(crypto, random, route=route, delays_ns=delays_ns, destination=destination, version=version)
    seeded = version is SphinxVersion.SEEDED
    material = tuple(keys.payload_seed if seeded else keys.full_payload_key for keys in built.hop_keys)
    return Surb(built.header, route[0].address, material)
