"""What a node does with packets: check their headers, take off one layer each, read what is under it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.sphinx.core import sphinx_core
from mix_protocol.sphinx.layer import FinalPacket, ForwardPacket, SealedPacket, read_layer
from mix_protocol.sphinx.opening import OpenedHeader, open_header

__all__ = [
    "FinalPacket",
    "ForwardPacket",
    "OpenedHeader",
    "ProcessedPacket",
    "SealedPacket",
    "open_header",
    "process_packet",
    "process_packets",
]


class ProcessedPacket(NamedTuple):
    """What became of one packet of several.

    replay_tag -- 32 bytes that repeat if and only if the header does; None if the header is not authentic. A packet
        whose tag was seen before is to be dropped, whatever `outcome` is
    outcome -- the packet with the layer taken off, or what is wrong with it
    """

    replay_tag: bytes | None
    outcome: ForwardPacket | FinalPacket | SealedPacket | PeerMisbehaved


def process_packets(crypto: CryptoProvider, node_secret: bytes, packets: Sequence[bytes]) -> list[ProcessedPacket]:
    """Process packets with a node's X25519 secret (32 bytes), in their order.

    What can be wrong: `UnknownPacketSize`, `InvalidPublicKey`, `BadMac`; and with authentic ones `UnknownRoutingFlag`,
    `MalformedNodeAddress`, `BadPayload`.
    """
    processed = []
    for layer in sphinx_core(crypto).process(node_secret, packets):
        if isinstance(layer, PeerMisbehaved):
            processed.append(ProcessedPacket(None, layer))
            continue
        try:
            processed.append(ProcessedPacket(layer[0], read_layer(layer)))
        except PeerMisbehaved as error:
            processed.append(ProcessedPacket(layer[0], error))
    return processed


def process_packet(
    crypto: CryptoProvider, node_secret: bytes, packet: bytes
) -> ForwardPacket | FinalPacket | SealedPacket:
    """Process one packet without a look at its replay tag; raises what is wrong with it."""
    (processed,) = process_packets(crypto, node_secret, (packet,))
    if isinstance(processed.outcome, PeerMisbehaved):
        raise processed.outcome
    return processed.outcome
