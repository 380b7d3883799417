"""The payload: a padded message under one LIONESS layer for each hop."""

from __future__ import annotations

from typing import Final

from mix_protocol.sphinx.errors import BadPayload, MessageTooLong
from mix_protocol.sphinx.geometry import PAYLOAD_ZEROS_LENGTH, PacketSize

_ZEROS: Final = bytes(PAYLOAD_ZEROS_LENGTH)
_MARKER: Final = b"\x01"


def pad_message(message: bytes, size: PacketSize) -> bytes:
    """Put a message between 16 zero bytes and a marker, and fill with zeros up to the size's payload length.

    Raises `MessageTooLong` if a packet of this size can't carry it.
    """
    if len(message) > size.plaintext_length:
        raise MessageTooLong(length=len(message), limit=size.plaintext_length)
    return b"".join((_ZEROS, message, _MARKER)).ljust(size.payload_length, b"\0")


def unpad_message(payload: bytes) -> bytes:
    """Give back the message of a fully decrypted payload; raises `BadPayload`."""
    marker = payload.rfind(_MARKER, PAYLOAD_ZEROS_LENGTH)
    if marker < 0 or not payload.startswith(_ZEROS):
        raise BadPayload()
    return payload[PAYLOAD_ZEROS_LENGTH:marker]
