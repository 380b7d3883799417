"""The packets of loops: one that goes through the network, and the acknowledgement in it that comes back.

Both are made of the pieces of which clients make theirs, so that nobody can tell them apart by their form.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mix_protocol.addressing.node_address import MAX_ENCODED_LENGTH
from mix_protocol.crypto.compiled_sphinx import PacketRequest
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.messages.acknowledgement import ACK_LENGTH
from mix_protocol.messages.geometry import pushed_length
from mix_protocol.sphinx.delays import draw_delays_ns
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.header import draw_header
from mix_protocol.sphinx.packet import carrying, draw_packet
from mix_protocol.sphinx.version import SphinxVersion
from mix_protocol.topology.route import RouteHop

MEAN_DELAY_MS: Final = 15.0
"""Mean delay at each hop: as clients draw it."""
_ACK_PLACE: Final = bytes(PacketSize.ACK.packet_length)


def draw_return(random: RandomBytes, back: Sequence[RouteHop], identity: bytes, identifier: bytes) -> PacketRequest:
    """An acknowledgement for `identity` (32 bytes) at the last hop of `back`, known by its identifier (16 bytes)."""
    return draw_packet(
        random,
        route=back,
        destination=identity,
        message=random(ACK_LENGTH),
        delays_ns=draw_delays_ns(random, len(back), MEAN_DELAY_MS),
        size=PacketSize.ACK,
        identifier=identifier,
    )


def draw_carrier(
    random: RandomBytes, onward: Sequence[RouteHop], destination: bytes, returns_by: RouteHop
) -> PacketRequest:
    """A regular packet with the acknowledgement that is built before it in the same call.

    destination -- the identity (32 bytes) of the gateway at the end of `onward`: nobody is there to get the payload
    returns_by -- where the gateway sends the acknowledgement on to
    """
    ack_hop = returns_by.padded_address[:MAX_ENCODED_LENGTH]
    content = b"".join((ack_hop, _ACK_PLACE, random(pushed_length(PacketSize.REGULAR))))
    header = draw_header(
        random,
        route=onward,
        delays_ns=draw_delays_ns(random, len(onward), MEAN_DELAY_MS),
        destination=destination,
        version=SphinxVersion.SEEDED,
    )
    return carrying(header, content, PacketSize.REGULAR, SphinxVersion.SEEDED, earlier=0, at=len(ack_hop))
