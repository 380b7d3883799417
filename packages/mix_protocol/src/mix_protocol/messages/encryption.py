"""End-to-end encryption of fragments: towards a recipient's key, or towards the maker of a reply SURB.

Neither is authenticated: a fragment's integrity rests on the Sphinx packet around it.
"""

from __future__ import annotations

from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.messages.geometry import AES_KEY_LENGTH, CURVE_KEY_LENGTH, KEY_PREFIX_LENGTH
from mix_protocol.sphinx.core import sphinx_core


class TruncatedPayload(PeerMisbehaved):
    """A pushed payload that is too short to hold a key and a fragment."""

    code = "messages.truncated_payload"
    message = "a pushed payload is too short to hold anything"


def encrypt_to_recipient(crypto: CryptoProvider, random: RandomBytes, recipient_key: bytes, plaintext: bytes) -> bytes:
    """Give a fresh ephemeral X25519 key (32 bytes) and the AES-128-CTR ciphertext under the secret shared with it."""
    (agreed,) = sphinx_core(crypto).agree(((random(CURVE_KEY_LENGTH), recipient_key),))
    return encrypt_with(crypto, agreed, plaintext)


def encrypt_with(crypto: CryptoProvider, agreed: tuple[bytes, bytes], plaintext: bytes) -> bytes:
    """The same after the agreement: what `SphinxCore.agree` gives for an ephemeral secret and the recipient's key."""
    public, shared = agreed
    return public + crypto.aes128_ctr(_key_from(crypto, shared), plaintext)


def decrypt_from_sender(crypto: CryptoProvider, secret: bytes, payload: bytes) -> bytes:
    """Undo `encrypt_to_recipient`; raises `TruncatedPayload` or `InvalidPublicKey`."""
    if len(payload) < KEY_PREFIX_LENGTH:
        raise TruncatedPayload()
    key = _key_from(crypto, crypto.x25519(secret, payload[:KEY_PREFIX_LENGTH]))
    return crypto.aes128_ctr(key, payload[KEY_PREFIX_LENGTH:])


def _key_from(crypto: CryptoProvider, shared: bytes) -> bytes:
    return crypto.hkdf_blake3(shared, b"", AES_KEY_LENGTH)
