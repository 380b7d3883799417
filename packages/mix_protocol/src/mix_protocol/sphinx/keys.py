"""What a hop and the sender derive from the secret that they share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.sphinx.geometry import (
    EXPANDED_SECRET_LENGTH,
    MAC_KEY_LENGTH,
    PAYLOAD_KEY_LENGTH,
    PAYLOAD_SEED_LENGTH,
    POINT_LENGTH,
    STREAM_KEY_LENGTH,
)
from mix_protocol.sphinx.version import has_full_payload_key

_EXPANSION_INFO: Final = (
    b"Dwste mou enan moxlo arketa makru kai ena upomoxlio gia na ton topothetisw kai tha kinisw thn gh."
)
_PAYLOAD_KEY_SALT: Final = b"sphinx-payload-key-V01-CS01-HKDF:SHA256-SALT"
_PAYLOAD_KEY_INFO: Final = b"sphinx-payload-key-V01-CS01-HKDF:SHA256-INFO"

_MAC_KEY: Final = STREAM_KEY_LENGTH
_PAYLOAD_KEY: Final = _MAC_KEY + MAC_KEY_LENGTH
_BLINDING: Final = _PAYLOAD_KEY + PAYLOAD_KEY_LENGTH
_REPLAY_TAG: Final = _BLINDING + POINT_LENGTH


@dataclass(frozen=True, slots=True)
class HopKeys:
    """The keys of one hop, cut from 288 expanded bytes (Nym spec: per-hop key derivation)."""

    stream_key: bytes = field(repr=False)
    """AES-128-CTR key of the routing information, 16 bytes."""
    mac_key: bytes = field(repr=False)
    """HMAC-SHA256 key of the routing information, 16 bytes."""
    full_payload_key: bytes = field(repr=False)
    """LIONESS key of versions up to 258, 192 bytes."""
    blinding_factor: bytes = field(repr=False)
    """X25519 secret that turns this hop's alpha into the next hop's, 32 bytes."""
    replay_tag: bytes = field(repr=False)
    """32 bytes that are the same whenever the same header reaches the same node."""

    @property
    def payload_seed(self) -> bytes:
        """The 16 bytes that version 259 expands to the payload key."""
        return self.full_payload_key[:PAYLOAD_SEED_LENGTH]

    def payload_key(self, crypto: CryptoProvider, version: int) -> bytes:
        """Give the LIONESS key (192 bytes) that a routing block of this version asks for."""
        if has_full_payload_key(version):
            return self.full_payload_key
        return payload_key_from_seed(crypto, self.payload_seed)


def expand_shared_secret(crypto: CryptoProvider, shared_secret: bytes) -> HopKeys:
    """Derive a hop's keys from the 32-byte X25519 result that it shares with the sender."""
    expanded = crypto.hkdf_sha256(shared_secret, b"", _EXPANSION_INFO, EXPANDED_SECRET_LENGTH)
    return HopKeys(
        expanded[:_MAC_KEY],
        expanded[_MAC_KEY:_PAYLOAD_KEY],
        expanded[_PAYLOAD_KEY:_BLINDING],
        expanded[_BLINDING:_REPLAY_TAG],
        expanded[_REPLAY_TAG:],
    )


def payload_key_from_seed(crypto: CryptoProvider, seed: bytes) -> bytes:
    """Expand a 16-byte seed to a 192-byte LIONESS key."""
    return crypto.hkdf_sha256(seed, _PAYLOAD_KEY_SALT, _PAYLOAD_KEY_INFO, PAYLOAD_KEY_LENGTH)
