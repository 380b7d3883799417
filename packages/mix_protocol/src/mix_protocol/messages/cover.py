"""Loop cover packets: packets to ourselves that look like any other, and that the receiver throws away."""

from __future__ import annotations

from mix_protocol.messages.geometry import fragment_length
from mix_protocol.sphinx.geometry import PacketSize

_COVER_TEXT = b"The cake is a lie!"
_PADDING_MARK = b"\x01"


def cover_content(size: PacketSize = PacketSize.REGULAR) -> bytes:
    """Give what a cover packet holds in the place of a fragment (Nym spec: loop cover packet)."""
    return (_COVER_TEXT + _PADDING_MARK).ljust(fragment_length(size), b"\0")


def is_cover(content: bytes) -> bool:
    """Tell decrypted cover from a fragment, whose first bit is set and hence never starts a letter."""
    return content.startswith(_COVER_TEXT)
