"""Messages as callers give and want them, and as frames carry them."""

from __future__ import annotations

import codecs
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from typing import TypeGuard

from websockets.frames import Frame, Opcode

from .errors import InvalidWebSocketMessage

Data = str | bytes
Piece = str | bytes | bytearray | memoryview
Message = Piece | Iterable[Piece] | AsyncIterable[Piece]

FRAGMENT_BYTES = 65_536
"""A longer message leaves in fragments of so much, so that pings are answered in between."""


class TextChecker:
    """Checks that text messages are UTF-8 as their frames arrive, whoever reads them and when (RFC 6455 8.1)."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._is_text = False

    def check(self, frame: Frame) -> None:
        """Take the next data frame; raises UnicodeDecodeError."""
        if frame.opcode is not Opcode.CONT:
            self._is_text = frame.opcode is Opcode.TEXT
        if self._is_text:
            self._decoder.decode(bytes(frame.data), frame.fin)


def is_piece(value: object) -> TypeGuard[Piece]:
    """Whether a value can be a message on its own, or a fragment of one."""
    return isinstance(value, (str, bytes, bytearray, memoryview))


def piece_bytes(piece: Piece) -> bytes:
    """What a piece is on the wire; raises `InvalidWebSocketMessage` for text that is no Unicode."""
    if not isinstance(piece, str):
        return bytes(piece)
    try:
        return piece.encode()
    except UnicodeEncodeError as error:
        raise InvalidWebSocketMessage("the text has a lone surrogate in it, which can't be sent") from error


async def pieces_of(message: object) -> AsyncIterator[Piece]:
    """The fragments of an iterable message; raises `InvalidWebSocketMessage` unless all are text or all are bytes."""
    if isinstance(message, AsyncIterable):
        pieces: AsyncIterator[object] = aiter(message)
    elif isinstance(message, Iterable) and not isinstance(message, Mapping):
        pieces = _asynchronous(message)
    else:
        raise InvalidWebSocketMessage
    is_text: bool | None = None
    async for piece in pieces:
        if not is_piece(piece) or is_text not in (None, isinstance(piece, str)):
            raise InvalidWebSocketMessage
        is_text = isinstance(piece, str)
        yield piece


async def _asynchronous(items: Iterable[object]) -> AsyncIterator[object]:
    for item in items:
        yield item
