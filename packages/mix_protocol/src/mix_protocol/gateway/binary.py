"""Binary frames: everything that is not control, sealed under the shared key (AES-256-GCM-SIV, RFC 8452).

`kind u8 | encrypted u8 (1) | nonce 12 | ciphertext and tag`. The kind means one thing in each direction.
"""

from __future__ import annotations

import enum

from mix_protocol.crypto.provider import AuthenticationFailed, CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.gateway.errors import MalformedFrame
from mix_protocol.sphinx.mix_packet import MixPacket

NONCE_LENGTH = 12
TAG_LENGTH = 16

_HEADER_LENGTH = 2
_ENCRYPTED = 1

MAX_BINARY_LENGTH = 64 * 1024
"""Longest binary frame that is read; the largest Sphinx packet has 33,133 bytes."""


class ClientFrameKind(enum.IntEnum):
    """What a client's binary frame holds."""

    FORWARD_V1 = 1
    FORWARD_V2 = 2


class GatewayFrameKind(enum.IntEnum):
    """What a gateway's binary frame holds."""

    PUSHED_MESSAGE = 1


def seal_frame(crypto: CryptoProvider, random: RandomBytes, key: bytes, kind: int, plaintext: bytes) -> bytes:
    """A frame with a fresh random nonce; `plaintext` is not empty."""
    nonce = random(NONCE_LENGTH)
    return b"".join((bytes((kind, _ENCRYPTED)), nonce, crypto.aes256_gcm_siv_seal(key, nonce, plaintext)))


def open_frame(crypto: CryptoProvider, key: bytes, frame: bytes) -> tuple[int, bytes]:
    """The kind and the plaintext of a frame; raises `MalformedFrame`, also when the tag is wrong."""
    start = _HEADER_LENGTH + NONCE_LENGTH
    if not start + TAG_LENGTH < len(frame) <= MAX_BINARY_LENGTH or frame[1] != _ENCRYPTED:
        raise MalformedFrame()
    try:
        return frame[0], crypto.aes256_gcm_siv_open(key, frame[_HEADER_LENGTH:start], frame[start:])
    except AuthenticationFailed:
        raise MalformedFrame("a binary frame does not open with the shared key") from None


def decode_forward(kind: int, plaintext: bytes) -> MixPacket:
    """The request in a client's frame; raises kinds of `PeerMisbehaved`."""
    if kind == ClientFrameKind.FORWARD_V2:
        return MixPacket.decode_v2(plaintext)
    if kind == ClientFrameKind.FORWARD_V1:
        return MixPacket.decode_v1(plaintext)
    raise MalformedFrame("a binary frame has an unknown kind")
