"""The sender's side of the key agreement with every hop of a route.

Nym spec, curve operations: hop i's shared secret is X25519 applied to its public key with the initial secret and then
with the blinding factors of the hops before it. Each blinding factor comes from its hop's shared secret, so the hops
can only be taken in order.
"""

from __future__ import annotations

from collections.abc import Sequence

from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.sphinx.curve import CURVE_ORDER, clamp, is_on_curve, secret_for_scalar
from mix_protocol.sphinx.keys import HopKeys, expand_shared_secret


def agree_with_route(crypto: CryptoProvider, initial_secret: bytes, public_keys: Sequence[bytes]) -> list[HopKeys]:
    """Derive the keys of every hop from a fresh 32-byte secret; raises `InvalidPublicKey` for a key of low order."""
    hop_keys: list[HopKeys] = []
    steps = [initial_secret]
    scalar = clamp(initial_secret)
    for public_key in public_keys:
        at_once = secret_for_scalar(scalar) if is_on_curve(public_key) else None
        shared = crypto.x25519(at_once, public_key) if at_once else chain_x25519(crypto, steps, public_key)
        keys = expand_shared_secret(crypto, shared)
        hop_keys.append(keys)
        steps.append(keys.blinding_factor)
        scalar = scalar * clamp(keys.blinding_factor) % CURVE_ORDER
    return hop_keys


def chain_x25519(crypto: CryptoProvider, secrets: Sequence[bytes], point: bytes) -> bytes:
    """Apply X25519 to a point with one secret after the other: the definition, right for every point."""
    for secret in secrets:
        point = crypto.x25519(secret, point)
    return point
