"""Builds packets that a sender puts on a route."""

from __future__ import annotations

from collections.abc import Sequence

from mix_protocol.crypto.compiled_sphinx import HeaderRequest, PacketRequest
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.sphinx.core import CARRIES_NOTHING, sphinx_core
from mix_protocol.sphinx.geometry import PAYLOAD_ZEROS_LENGTH, PacketSize
from mix_protocol.sphinx.header import NO_IDENTIFIER, draw_header
from mix_protocol.sphinx.payload import pad_message
from mix_protocol.sphinx.version import SphinxVersion, has_full_payload_key
from mix_protocol.topology.route import RouteHop


def draw_packet(
    random: RandomBytes,
    *,
    route: Sequence[RouteHop],
    delays_ns: Sequence[int],
    destination: bytes,
    message: bytes,
    size: PacketSize,
    version: SphinxVersion = SphinxVersion.SEEDED,
    identifier: bytes = NO_IDENTIFIER,
) -> PacketRequest:
    """Draw and encode what a packet is made of, for `SphinxCore.build_packets`; it goes to the address of `route[0]`.

    delays_ns -- for each hop, how long it holds the packet; the last one is not transmitted
    destination -- the Ed25519 identity (32 bytes) of the client that the last hop delivers to
    identifier -- 16 bytes that the last hop reads; zeros where it needs none
    message -- at most `size.plaintext_length` bytes

    Raises `InvalidRoute` or `MessageTooLong`.
    """
    payload = pad_message(message, size)
    header = draw_header(
        random, route=route, delays_ns=delays_ns, destination=destination, version=version, identifier=identifier
    )
    return (*header, not has_full_payload_key(version), payload, CARRIES_NOTHING, 0)


def carrying(
    header: HeaderRequest, message: bytes, size: PacketSize, version: SphinxVersion, *, earlier: int, at: int
) -> PacketRequest:
    """Ask for a packet that carries another one, which is built in the same call.

    header -- as `draw_header` gives it
    message -- as for `draw_packet`
    earlier -- which one is carried, counted from 0; it must precede this one
    at -- where in the message it is to stand, in the place of what is there
    """
    payload = pad_message(message, size)
    return (*header, not has_full_payload_key(version), payload, earlier, PAYLOAD_ZEROS_LENGTH + at)


def build_packet(
    crypto: CryptoProvider,
    random: RandomBytes,
    *,
    route: Sequence[RouteHop],
    delays_ns: Sequence[int],
    destination: bytes,
    message: bytes,
    size: PacketSize,
    version: SphinxVersion = SphinxVersion.SEEDED,
    identifier: bytes = NO_IDENTIFIER,
) -> bytes:
    """Build a whole packet by itself; the arguments and errors are those of `draw_packet`.

    Also raises `InvalidPublicKey` for a node key of low order.
    """
    request = draw_packet(
        random,
        route=route,
        delays_ns=delays_ns,
        destination=destination,
        message=message,
        size=size,
        version=version,
        identifier=identifier,
    )
    (packet,) = sphinx_core(crypto).build_packets((request,))
    return packet
