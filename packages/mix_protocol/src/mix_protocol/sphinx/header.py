"""Builds the header of a packet or SURB: alpha, MAC and routing information, wrapped from the last hop outwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from mix_protocol.crypto.compiled_sphinx import HeaderRequest
from mix_protocol.crypto.provider import CryptoProvider, InvalidPublicKey
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.sphinx.errors import InvalidRoute
from mix_protocol.sphinx.geometry import (
    DELAY_LENGTH,
    DESTINATION_LENGTH,
    FINAL_META_LENGTH,
    FORWARD_META_LENGTH,
    MAX_HOPS,
    POINT_LENGTH,
    ROUTING_LENGTH,
    ROUTING_STEP_LENGTH,
    ROUTING_STREAM_LENGTH,
    SURB_IDENTIFIER_LENGTH,
)
from mix_protocol.sphinx.key_agreement import agree_with_route
from mix_protocol.sphinx.keys import HopKeys
from mix_protocol.sphinx.routing import encode_final_meta, encode_forward_meta, routing_mac
from mix_protocol.sphinx.version import SphinxVersion
from mix_protocol.topology.route import RouteHop

_FINAL_PADDING_LENGTH: Final = ROUTING_LENGTH - FINAL_META_LENGTH
_STREAM_INPUT: Final = bytes(ROUTING_STREAM_LENGTH)
NO_IDENTIFIER: Final = bytes(SURB_IDENTIFIER_LENGTH)
_TRUNCATED_ROUTING_LENGTH: Final = ROUTING_LENGTH - ROUTING_STEP_LENGTH
_STEP_ZEROS: Final = bytes(ROUTING_STEP_LENGTH)
_DELAY_LIMIT: Final = 1 << 8 * DELAY_LENGTH


@dataclass(frozen=True, slots=True)
class BuiltHeader:
    """A header of 348 bytes, and the keys that each hop will derive from it, in the order of the route."""

    header: bytes
    hop_keys: Sequence[HopKeys] = field(repr=False)


def draw_header(
    random: RandomBytes,
    *,
    route: Sequence[RouteHop],
    delays_ns: Sequence[int],
    destination: bytes,
    version: SphinxVersion,
    identifier: bytes = NO_IDENTIFIER,
) -> HeaderRequest:
    """Draw and encode what a header is made of, for a route of one to five hops with a delay in nanoseconds each.

    identifier -- 16 bytes that the last hop reads; zeros where it needs none

    The last hop's delay is not transmitted: that hop delivers at once. Draws first the initial secret (32 bytes), then
    the final block's padding. Raises `InvalidRoute`, or `InvalidPublicKey` for a node key of another length than 32.
    """
    hops = len(route)
    _check_route(route, delays_ns, destination, identifier)
    node_keys = [hop.sphinx_key for hop in route]
    if set(map(len, node_keys)) != {POINT_LENGTH}:
        raise InvalidPublicKey
    metas = [encode_forward_meta(version, route[i + 1].padded_address, delays_ns[i]) for i in range(hops - 1)]
    metas.append(encode_final_meta(version, destination, identifier))
    return (
        b"".join(node_keys),
        b"".join(metas),
        random(POINT_LENGTH),
        random(_FINAL_PADDING_LENGTH - (hops - 1) * ROUTING_STEP_LENGTH),
    )


def wrap_header(crypto: CryptoProvider, request: HeaderRequest) -> BuiltHeader:
    """Compute a header from what was drawn for it; raises `InvalidPublicKey` for a node key of low order."""
    node_keys, metas, initial_secret, padding = request
    hop_keys = agree_with_route(crypto, initial_secret, _pieces(node_keys, POINT_LENGTH))
    streams = [crypto.aes128_ctr(keys.stream_key, _STREAM_INPUT) for keys in hop_keys]

    filler = _build_filler(crypto, streams[:-1])
    content = metas[-FINAL_META_LENGTH:] + padding
    routing = crypto.xor(content, streams[-1][: len(content)]) + filler
    mac = routing_mac(crypto, hop_keys[-1].mac_key, routing)
    forward_metas = _pieces(metas[:-FINAL_META_LENGTH], FORWARD_META_LENGTH)
    for meta, keys, stream in zip(reversed(forward_metas), hop_keys[-2::-1], streams[-2::-1], strict=True):
        content = meta + mac + routing[:_TRUNCATED_ROUTING_LENGTH]
        routing = crypto.xor(content, stream[:ROUTING_LENGTH])
        mac = routing_mac(crypto, keys.mac_key, routing)
    return BuiltHeader(crypto.x25519_public(initial_secret) + mac + routing, hop_keys)


def _pieces(data: bytes, length: int) -> list[bytes]:
    return [data[at : at + length] for at in range(0, len(data), length)]


def _check_route(route: Sequence[RouteHop], delays_ns: Sequence[int], destination: bytes, identifier: bytes) -> None:
    if not 1 <= len(route) <= MAX_HOPS or len(delays_ns) != len(route) or len(destination) != DESTINATION_LENGTH:
        raise InvalidRoute(hops=len(route), delays=len(delays_ns))
    if len(identifier) != SURB_IDENTIFIER_LENGTH:
        raise InvalidRoute("an identifier has 16 bytes")
    if min(delays_ns) < 0 or max(delays_ns) >= _DELAY_LIMIT:
        raise InvalidRoute("a hop's delay must be from 0 to 2**64 - 1 nanoseconds")


def _build_filler(crypto: CryptoProvider, streams: Sequence[bytes]) -> bytes:
    """Compute what the hops before the last will have appended by shifting in encrypted zeros."""
    filler = b""
    for stream in streams:
        filler += _STEP_ZEROS
        filler = crypto.xor(filler, stream[-len(filler) :])
    return filler
