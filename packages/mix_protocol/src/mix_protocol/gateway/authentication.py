"""Authentication of a registered client on a new connection (Nym spec: authenticateV2)."""

from __future__ import annotations

import hmac

from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.gateway.binary import NONCE_LENGTH, TAG_LENGTH
from mix_protocol.gateway.control import MIN_PROTOCOL_VERSION, PROTOCOL_VERSION, AuthenticateV2
from mix_protocol.gateway.errors import (
    InvalidClientSignature,
    MalformedFrame,
    StaleRequest,
    UnknownClient,
    UnsupportedClientVersion,
)
from mix_protocol.gateway.registry import ClientRecord, ClientRegistry

MAX_CLOCK_SKEW_S = 120
"""How far the clocks of client and gateway may differ."""

_IDENTITY_LENGTH = 32


def make_request(
    crypto: CryptoProvider, random: RandomBytes, identity_seed: bytes, shared_key: bytes, version: int, unix_time: int
) -> AuthenticateV2:
    """A client's request; `unix_time` in whole seconds must be newer than in any request before."""
    identity = crypto.ed25519_public(identity_seed)
    nonce = random(NONCE_LENGTH)
    ciphertext = crypto.aes256_gcm_siv_seal(shared_key, nonce, identity)
    signed = _signed_text(version, identity, ciphertext, nonce, unix_time)
    signature = crypto.ed25519_sign(identity_seed, signed)
    return AuthenticateV2(version, identity, ciphertext, nonce, unix_time, signature)


def has_valid_signature(crypto: CryptoProvider, request: AuthenticateV2) -> bool:
    """Whether the client named in a request has signed it."""
    signed = _signed_text(
        request.protocol_version,
        request.client_identity,
        request.address_ciphertext,
        request.nonce,
        request.unix_timestamp,
    )
    return crypto.ed25519_verify(request.client_identity, signed, request.signature)


def check_request(
    crypto: CryptoProvider, registry: ClientRegistry, request: AuthenticateV2, unix_time: float
) -> ClientRecord:
    """The client that a gateway may accept because of this request; its timestamp is then used up.

    Raises, in this order: `UnsupportedClientVersion`, `StaleRequest`, `InvalidClientSignature`, `UnknownClient`, and
    again `StaleRequest` for a replay.
    """
    if not MIN_PROTOCOL_VERSION <= request.protocol_version <= PROTOCOL_VERSION:
        raise UnsupportedClientVersion(version=request.protocol_version)
    if abs(request.unix_timestamp - unix_time) > MAX_CLOCK_SKEW_S:
        raise StaleRequest("the request's timestamp is too far from the gateway's time; check the clock")
    if len(request.nonce) != NONCE_LENGTH or len(request.address_ciphertext) != _IDENTITY_LENGTH + TAG_LENGTH:
        raise MalformedFrame()
    if not has_valid_signature(crypto, request):
        raise InvalidClientSignature()
    record = registry.get(request.client_identity)
    if record is None:
        raise UnknownClient()
    # Sealing is deterministic for a given nonce, so that comparing tells as much as opening would.
    expected = crypto.aes256_gcm_siv_seal(record.shared_key, request.nonce, request.client_identity)
    if not hmac.compare_digest(expected, request.address_ciphertext):
        raise UnknownClient()
    if not record.use_timestamp(request.unix_timestamp):
        raise StaleRequest("the request's timestamp was used before")
    return record


def _signed_text(version: int, identity: bytes, ciphertext: bytes, nonce: bytes, unix_time: int) -> bytes:
    return b"".join((bytes((version,)), identity, ciphertext, nonce, unix_time.to_bytes(8, "big")))
