"""The payload: a padded message under one LIONESS layer for each hop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.sphinx import lioness
from mix_protocol.sphinx.errors import BadPayload, MessageTooLong
from mix_protocol.sphinx.geometry import PAYLOAD_ZEROS_LENGTH, PacketSize

_ZEROS: Final = bytes(PAYLOAD_ZEROS_LENGTH)
_MARKER: Final = b"\x01"


def check_fits(message: bytes, size: PacketSize) -> None:
    """Raise `MessageTooLong` if a packet of this size can't carry the message."""
    if len(message) > size.plaintext_length:
        raise MessageTooLong(length=len(message), limit=size.plaintext_length)


def pad_message(message: bytes, size: PacketSize) -> bytes:
    """Put a message between 16 zero bytes and a marker, and fill with zeros up to the size's payload length."""
    return b"".join((_ZEROS, message, _MARKER)).ljust(size.payload_length, b"\0")


def unpad_message(payload: bytes) -> bytes:
    """Give back the message of a fully decrypted payload; raises `BadPayload`."""
    marker = payload.rfind(_MARKER, PAYLOAD_ZEROS_LENGTH)
    if marker < 0 or not payload.startswith(_ZEROS):
        raise BadPayload()
    return payload[PAYLOAD_ZEROS_LENGTH:marker]


def seal_payload(crypto: CryptoProvider, payload_keys: Sequence[bytes], message: bytes, size: PacketSize) -> bytes:
    """Pad a message and encrypt it for a route, given its payload keys in the order of the hops."""
    return lioness.encrypt(crypto, reversed(payload_keys), pad_message(message, size))
