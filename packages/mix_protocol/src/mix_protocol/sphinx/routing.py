"""The routing blocks: what one hop reads of a header.

A forward block is `flag | version | next hop | delay | MAC for the next hop | routing information for the next hop`,
a final block is `flag | version | destination | SURB identifier | padding`. The version and the delay are big-endian.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Final

from mix_protocol.addressing import NodeAddress
from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.sphinx.errors import UnknownRoutingFlag
from mix_protocol.sphinx.geometry import (
    DELAY_LENGTH,
    DESTINATION_LENGTH,
    FINAL_META_LENGTH,
    FLAG_LENGTH,
    FORWARD_META_LENGTH,
    MAC_LENGTH,
    META_LENGTH,
    NODE_ADDRESS_LENGTH,
    VERSION_LENGTH,
)

FORWARD_FLAG: Final = 1
FINAL_FLAG: Final = 2
_META_LENGTHS: Final = {FORWARD_FLAG: FORWARD_META_LENGTH, FINAL_FLAG: FINAL_META_LENGTH}

_DELAY_OFFSET: Final = META_LENGTH + NODE_ADDRESS_LENGTH
_IDENTIFIER_OFFSET: Final = META_LENGTH + DESTINATION_LENGTH


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


def encode_forward_meta(version: int, next_hop: NodeAddress, delay_ns: int) -> bytes:
    """Give the part of a forward block that precedes the next hop's MAC."""
    return b"".join(
        (
            FORWARD_FLAG.to_bytes(FLAG_LENGTH, "big"),
            version.to_bytes(VERSION_LENGTH, "big"),
            next_hop.encode_padded(NODE_ADDRESS_LENGTH),
            delay_ns.to_bytes(DELAY_LENGTH, "big"),
        )
    )


def encode_final_meta(version: int, destination: bytes, surb_identifier: bytes) -> bytes:
    """Give the part of a final block that precedes its padding."""
    flag = FINAL_FLAG.to_bytes(FLAG_LENGTH, "big")
    return flag + version.to_bytes(VERSION_LENGTH, "big") + destination + surb_identifier


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
    version = int.from_bytes(meta[FLAG_LENGTH:META_LENGTH], "big")
    if flag == FORWARD_FLAG:
        next_hop = _node_address(meta[META_LENGTH:_DELAY_OFFSET])
        return ForwardMeta(version, next_hop, int.from_bytes(meta[_DELAY_OFFSET:], "big"))
    return FinalMeta(version, meta[META_LENGTH:_IDENTIFIER_OFFSET], meta[_IDENTIFIER_OFFSET:])


@functools.lru_cache(maxsize=4096)
def _node_address(padded: bytes) -> NodeAddress:
    """Read an address; a node meets the same few again and again."""
    return NodeAddress.decode(padded)


def routing_mac(crypto: CryptoProvider, mac_key: bytes, routing: bytes) -> bytes:
    """Give the MAC (16 bytes) over a hop's whole encrypted routing information."""
    return crypto.hmac_sha256(mac_key, routing)[:MAC_LENGTH]
