"""Single-use reply blocks: a ready header with the keys that seal one answer under it.

With all the hops' keys in hand, whoever uses a SURB can compute what the reply looks like on every link, and so, with
the help of one node, find its receiver. A SURB of version 260 holds the last hop's seed only. The hops then take off
layers that nobody had put on, and what arrives at the last one is sealed: the maker, who kept the seeds, puts them on
again (Nym spec: Sphinx header version 260).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from mix_protocol.addressing import NodeAddress
from mix_protocol.crypto.compiled_sphinx import HeaderRequest
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.sphinx.core import sphinx_core
from mix_protocol.sphinx.errors import InvalidRoute, MalformedSurb
from mix_protocol.sphinx.geometry import (
    HEADER_LENGTH,
    MAX_HOPS,
    NODE_ADDRESS_LENGTH,
    PAYLOAD_KEY_LENGTH,
    PAYLOAD_SEED_LENGTH,
    SURB_IDENTIFIER_LENGTH,
    PacketSize,
)
from mix_protocol.sphinx.header import NO_IDENTIFIER, draw_header, wrap_header
from mix_protocol.sphinx.payload import pad_message, unpad_message
from mix_protocol.sphinx.version import SphinxVersion, has_full_payload_key
from mix_protocol.topology.route import RouteHop

SURB_BASE_LENGTH: Final = HEADER_LENGTH + NODE_ADDRESS_LENGTH

_MATERIAL_LENGTHS: Final = {
    SphinxVersion.FULL_KEYS: PAYLOAD_KEY_LENGTH,
    SphinxVersion.SEEDED: PAYLOAD_SEED_LENGTH,
    SphinxVersion.LAST_SEED: PAYLOAD_SEED_LENGTH,
}


def surb_length(version: SphinxVersion, hops: int) -> int:
    """Give the encoded length in bytes of a SURB that holds the material of so many hops."""
    return SURB_BASE_LENGTH + hops * _MATERIAL_LENGTHS[version]


@dataclass(frozen=True, slots=True)
class Surb:
    """A reply block: whoever holds it can send one packet to its maker without knowing who that is.

    header -- 348 bytes, ready to send
    first_hop -- where the packet goes first
    key_material -- for each hop, in the route's order, a seed (16 bytes) or a whole payload key (192 bytes); of version
        260 the last hop's seed alone
    """

    header: bytes = field(repr=False)
    first_hop: NodeAddress
    key_material: tuple[bytes, ...] = field(repr=False)

    @property
    def is_seeded(self) -> bool:
        """Whether the material is seeds."""
        return len(self.key_material[0]) == PAYLOAD_SEED_LENGTH

    @property
    def is_sealing(self) -> bool:
        """Whether only the maker can open a reply: there is one seed, and no route to a maker has one hop."""
        return self.is_seeded and len(self.key_material) == 1

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
        payload = pad_message(message, size)
        sealed = sphinx_core(crypto).seal(b"".join(self.key_material), self.is_seeded, payload)
        return self.first_hop, self.header + sealed


@dataclass(frozen=True, slots=True)
class SurbRecovery:
    """What the maker of a SURB of version 260 keeps, to open the reply that comes on it.

    identifier -- 16 bytes, fresh for each SURB: the last hop passes them on with the reply
    seeds -- of every hop, in the route's order, 16 bytes each
    """

    identifier: bytes = field(repr=False)
    seeds: tuple[bytes, ...] = field(repr=False)

    def encode(self) -> bytes:
        """Give `identifier | seeds`."""
        return self.identifier + b"".join(self.seeds)

    @classmethod
    def decode(cls, data: bytes) -> SurbRecovery:
        """Read what `encode` writes; raises `MalformedSurb`."""
        hops, excess = divmod(len(data) - SURB_IDENTIFIER_LENGTH, PAYLOAD_SEED_LENGTH)
        if excess or not 1 <= hops <= MAX_HOPS:
            raise MalformedSurb(length=len(data))
        return cls(data[:SURB_IDENTIFIER_LENGTH], _cut(data[SURB_IDENTIFIER_LENGTH:]))

    def open(self, crypto: CryptoProvider, payload: bytes) -> bytes:
        """Give the message of a sealed payload; raises `BadPayload`, also for the reply to another SURB."""
        return unpad_message(sphinx_core(crypto).unseal(b"".join(self.seeds), payload))


@dataclass(frozen=True, slots=True)
class SurbRequest:
    """What a SURB is made of, drawn and encoded.

    seal_identifier -- 16 bytes, where only the maker shall be able to open the reply; else None
    """

    header: HeaderRequest = field(repr=False)
    first_hop: NodeAddress
    seal_identifier: bytes | None = field(repr=False)


def draw_surb(
    random: RandomBytes,
    *,
    route: Sequence[RouteHop],
    delays_ns: Sequence[int],
    destination: bytes,
    version: SphinxVersion = SphinxVersion.SEEDED,
    seals: bool = False,
) -> SurbRequest:
    """Draw and encode what a SURB over a route that ends at the maker's gateway is made of, for `build_surbs`.

    destination -- the maker's identity
    seals -- whether it is of version 260 and only the maker can open the reply; the last hop must be one that passes
        sealed replies on, for others can't read them and drop them

    Raises `InvalidRoute`.
    """
    identifier = random(SURB_IDENTIFIER_LENGTH) if seals else NO_IDENTIFIER
    if seals and identifier == NO_IDENTIFIER:
        raise InvalidRoute("an identifier must not be zero")
    header = draw_header(
        random,
        route=route,
        delays_ns=delays_ns,
        destination=destination,
        version=SphinxVersion.LAST_SEED if seals else version,
        identifier=identifier,
    )
    return SurbRequest(header, route[0].address, identifier if seals else None)


def build_surbs(crypto: CryptoProvider, requests: Sequence[SurbRequest]) -> list[tuple[Surb, SurbRecovery | None]]:
    """Build SURBs whose payload keys come from seeds, each with what opens the reply if it seals.

    Raises `InvalidPublicKey` for a node key of low order.
    """
    surbs: list[tuple[Surb, SurbRecovery | None]] = []
    built = sphinx_core(crypto).build_headers([request.header for request in requests])
    for (header, material), request in zip(built, requests, strict=True):
        seeds, identifier = _cut(material), request.seal_identifier
        if identifier is None:
            surbs.append((Surb(header, request.first_hop, seeds), None))
        else:
            surbs.append((Surb(header, request.first_hop, seeds[-1:]), SurbRecovery(identifier, seeds)))
    return surbs


def build_surb(
    crypto: CryptoProvider,
    random: RandomBytes,
    *,
    route: Sequence[RouteHop],
    delays_ns: Sequence[int],
    destination: bytes,
    version: SphinxVersion = SphinxVersion.SEEDED,
) -> Surb:
    """Build one SURB; the arguments and errors are those of `draw_surb` and `build_surbs`.

    Its user gets the material of every hop, of version 260 too (`build_sealing_surb` holds back all but the last).
    """
    request = draw_surb(random, route=route, delays_ns=delays_ns, destination=destination, version=version)
    if has_full_payload_key(version):
        # Only others send such; the core gives seeds alone.
        keys = wrap_header(crypto, request.header)
        return Surb(keys.header, request.first_hop, tuple([hop.full_payload_key for hop in keys.hop_keys]))
    ((surb, _),) = build_surbs(crypto, (request,))
    return surb


def build_sealing_surb(
    crypto: CryptoProvider,
    random: RandomBytes,
    *,
    route: Sequence[RouteHop],
    delays_ns: Sequence[int],
    destination: bytes,
) -> tuple[Surb, SurbRecovery]:
    """Build one SURB that seals replies, and what opens the reply; as `build_surb` otherwise."""
    request = draw_surb(random, route=route, delays_ns=delays_ns, destination=destination, seals=True)
    ((surb, recovery),) = build_surbs(crypto, (request,))
    assert recovery is not None, "it seals"
    return surb, recovery


def _cut(seeds: bytes) -> tuple[bytes, ...]:
    return tuple([seeds[at : at + PAYLOAD_SEED_LENGTH] for at in range(0, len(seeds), PAYLOAD_SEED_LENGTH)])
