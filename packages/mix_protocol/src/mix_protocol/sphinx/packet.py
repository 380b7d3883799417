"""Builds packets that a sender puts on a route."""

from __future__ import annotations

from collections.abc import Sequence

from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.header import NO_IDENTIFIER, build_header
from mix_protocol.sphinx.payload import check_fits, seal_payload
from mix_protocol.sphinx.version import SphinxVersion
from mix_protocol.topology.route import RouteHop


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
    """Build a whole packet; it goes to the address of `route[0]`.

    delays_ns -- for each hop, how long it holds the packet; the last one is not transmitted
    destination -- the Ed25519 identity (32 bytes) of the client that the last hop delivers to
    identifier -- 16 bytes that the last hop reads; zeros where it needs none
    message -- at most `size.plaintext_length` bytes

    Raises `InvalidRoute`, `MessageTooLong`, or `InvalidPublicKey` for a node key of low order.
    """
    check_fits(message, size)
    built = build_header(
        crypto,
        random,
        route=route,
        delays_ns=delays_ns,
        destination=destination,
        version=version,
        identifier=identifier,
    )
    payload_keys = [keys.payload_key(crypto, version) for keys in built.hop_keys]
    return built.header + seal_payload(crypto, payload_keys, message, size)
