"""What a packet is told by from node to node, for whoever follows it through a local network."""

from __future__ import annotations

from typing import Final

from mix_protocol.sphinx.geometry import PacketSize

_LENGTH: Final = 64


def mark_of(packet: bytes) -> bytes:
    """The beginning of a packet, with the blinded element in it, which no other packet has."""
    return bytes(packet[:_LENGTH])


def kind_of(packet: bytes, *, is_cover: bool) -> str:
    """`packet`, `ack` or `cover`, a node's own."""
    return "cover" if is_cover else "ack" if len(packet) == PacketSize.ACK.packet_length else "packet"
