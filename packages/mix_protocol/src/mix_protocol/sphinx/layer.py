"""What a node finds under the layer that it has taken off."""

from __future__ import annotations

from dataclasses import dataclass, field

from mix_protocol.addressing import NodeAddress
from mix_protocol.crypto.compiled_sphinx import LayerTaken
from mix_protocol.sphinx.errors import BadPayload
from mix_protocol.sphinx.header import NO_IDENTIFIER
from mix_protocol.sphinx.payload import unpad_message
from mix_protocol.sphinx.routing import ForwardMeta, decode_meta
from mix_protocol.sphinx.version import SphinxVersion


@dataclass(frozen=True, slots=True)
class ForwardPacket:
    """A packet to send on: `packet` goes to `next_hop` once it has been held for `delay_ns` nanoseconds."""

    next_hop: NodeAddress
    delay_ns: int
    packet: bytes = field(repr=False)
    version: int


@dataclass(frozen=True, slots=True)
class FinalPacket:
    """A packet that ends here: `message` is for the client whose identity is `destination` (32 bytes)."""

    destination: bytes = field(repr=False)
    surb_identifier: bytes
    message: bytes = field(repr=False)
    version: int


@dataclass(frozen=True, slots=True)
class SealedPacket:
    """A reply that ends here and that only its receiver can open, by the identifier of the SURB that it came on."""

    destination: bytes = field(repr=False)
    surb_identifier: bytes = field(repr=False)
    payload: bytes = field(repr=False)
    version: int


def read_layer(layer: LayerTaken) -> ForwardPacket | FinalPacket | SealedPacket:
    """Read what was under a layer.

    Raises `UnknownRoutingFlag`, `MalformedNodeAddress` or, at the last hop, `BadPayload`.
    """
    _, encoded, rest = layer
    meta = decode_meta(encoded)
    if isinstance(meta, ForwardMeta):
        return ForwardPacket(meta.next_hop, meta.delay_ns, rest, meta.version)
    destination, identifier, version = meta.destination, meta.surb_identifier, meta.version
    try:
        return FinalPacket(destination, identifier, unpad_message(rest), version)
    except BadPayload:
        if version != SphinxVersion.LAST_SEED or identifier == NO_IDENTIFIER:
            raise
        return SealedPacket(destination, identifier, rest, version)
