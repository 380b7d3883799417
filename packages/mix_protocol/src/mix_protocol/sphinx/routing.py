"""The routing blocks: what one hop reads of a header.

A forward block is `flag | version | next hop | delay | MAC for the next hop | routing information for the next hop`,
a final block is `flag | version | destination | SURB identifier | padding`. The version and the delay are big-endian.
"""

from __future__ import annotations

import functools
import struct
from dataclasses import dataclass, field
from typing import Final

from mix_protocol.addressing import NodeAddress
from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.sphinx.errors import UnknownRoutingFlag
from mix_protocol.sphinx.geometry import (
    DESTINATION_LENGTH,
    FINAL_META_LENGTH,
    FORWARD_META_LENGTH,
    MAC_LENGTH,
    NODE_ADDRESS_LENGTH,
    SURB_IDENTIFIER_LENGTH,
    VERSION_LENGTH,
)

FORWARD_FLAG: Final = 1
FINAL_FLAG: Final = 2
_META_LENGTHS: Final = {FORWARD_FLAG: FORWARD_META_LENGTH, FINAL_FLAG: FINAL_META_LENGTH}

# The first word holds the flag and, below it, the version.
_FLAG_SHIFT: Final = 8 * VERSION_LENGTH
_VERSION_MASK: Final = (1 << _FLAG_SHIFT) - 1
_FORWARD_META: Final = struct.Struct(f">I{NODE_ADDRESS_LENGTH}sQ")
_FINAL_META: Final = struct.Struct(f">I{DESTINATION_LENGTH}s{SURB_IDENTIFIER_LENGTH}s")


@dataclass(frozen=True, slots=True)
class ForwardMeta:
    """What precedes the MAC in a forward block: hold the packet for `delay_ns`, then send it to `next_hop`."""

    version: int
    next_hop: NodeAddress
    delay_ns: int


@dataclass(frozen=True, slots=True)
class FinalMeta:
    """What precedes the padding in a final block: the payload is for the client with this identity (32 bytes)."""

    version: int
    destination: bytes = field(repr=False)
    surb_identifier: bytes = field(repr=False)


def encode_forward_meta(version: int, next_hop: bytes, delay_ns: int) -> bytes:
    """Give the part of a forward block that precedes the next hop's MAC.

    next_hop -- its encoded address, padded to 32 bytes
    """
    return _FORWARD_META.pack(FORWARD_FLAG << _FLAG_SHIFT | version, next_hop, delay_ns)


def encode_final_meta(version: int, destination: bytes, surb_identifier: bytes) -> bytes:
    """Give the part of a final block that precedes its padding."""
    return _FINAL_META.pack(FINAL_FLAG << _FLAG_SHIFT | version, destination, surb_identifier)


def decode_meta(meta: bytes) -> ForwardMeta | FinalMeta:
    """Read what precedes the MAC (44 bytes) or the padding (52 bytes) in a decrypted block.

    Raises `MalformedMessage`, `UnknownRoutingFlag` or `MalformedNodeAddress`.
    """
    if not meta:
        raise MalformedMessage("routing block", "it is empty")
    flag = meta[0]
    length = _META_LENGTHS.get(flag)
    if length is None:
        raise UnknownRoutingFlag(flag=flag)
    if len(meta) != length:
        raise MalformedMessage("routing block", "it has another length than its kind")
    if flag == FORWARD_FLAG:
        word, next_hop, delay_ns = _FORWARD_META.unpack(meta)
        return ForwardMeta(word & _VERSION_MASK, _node_address(next_hop), delay_ns)
    word, destination, identifier = _FINAL_META.unpack(meta)
    return FinalMeta(word & _VERSION_MASK, destination, identifier)


@functools.lru_cache(maxsize=4096)
def _node_address(padded: bytes) -> NodeAddress:
    """Read an address; a node meets the same few again and again."""
    return NodeAddress.decode(padded)


def routing_mac(crypto: CryptoProvider, mac_key: bytes, routing: bytes) -> bytes:
    """Give the MAC (16 bytes) over a hop's whole encrypted routing information."""
    return crypto.hmac_sha256(mac_key, routing)[:MAC_LENGTH]
