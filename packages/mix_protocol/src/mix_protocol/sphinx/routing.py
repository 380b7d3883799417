"""The routing blocks: what one hop reads of a header.

A forward block is `flag | version | next hop | delay | MAC for the next hop | routing information for the next hop`,
a final block is `flag | version | destination | SURB identifier | padding`. The version and the delay are big-endian.
"""

from __future__ import annotations

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
    ROUTING_STEP_LENGTH,
    ROUTING_STREAM_LENGTH,
    VERSION_LENGTH,
)

FORWARD_FLAG: Final = 1
FINAL_FLAG: Final = 2

_DELAY_OFFSET: Final = META_LENGTH + NODE_ADDRESS_LENGTH
_IDENTIFIER_OFFSET: Final = META_LENGTH + DESTINATION_LENGTH


@dataclass(frozen=True, slots=True)
class ForwardRouting:
    """A forward block: hold the packet for `delay_ns`, then send it to `next_hop` with this MAC and routing."""

    version: int
    next_hop: NodeAddress
    delay_ns: int
    mac: bytes
    routing: bytes


@dataclass(frozen=True, slots=True)
class FinalRouting:
    """A final block: the payload is for the client with this identity (32 bytes)."""

    version: int
    destination: bytes = field(repr=False)
    surb_identifier: bytes


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


def decode_routing(block: bytes) -> ForwardRouting | FinalRouting:
    """Read a decrypted block (one routing step longer than a header's routing information).

    Raises `MalformedMessage`, `UnknownRoutingFlag` or `MalformedNodeAddress`.
    """
    if len(block) != ROUTING_STREAM_LENGTH:
        raise MalformedMessage("routing block", "it has another length than a header's routing information")
    version = int.from_bytes(block[FLAG_LENGTH:META_LENGTH], "big")
    if block[0] == FORWARD_FLAG:
        return ForwardRouting(
            version,
            NodeAddress.decode(block[META_LENGTH:_DELAY_OFFSET]),
            int.from_bytes(block[_DELAY_OFFSET:FORWARD_META_LENGTH], "big"),
            block[FORWARD_META_LENGTH:ROUTING_STEP_LENGTH],
            block[ROUTING_STEP_LENGTH:],
        )
    if block[0] == FINAL_FLAG:
        return FinalRouting(version, block[META_LENGTH:_IDENTIFIER_OFFSET], block[_IDENTIFIER_OFFSET:FINAL_META_LENGTH])
    raise UnknownRoutingFlag(flag=block[0])


def routing_mac(crypto: CryptoProvider, mac_key: bytes, routing: bytes) -> bytes:
    """Give the MAC (16 bytes) over a hop's whole encrypted routing information."""
    return crypto.hmac_sha256(mac_key, routing)[:MAC_LENGTH]
