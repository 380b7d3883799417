"""Content-Encoding undone while the body arrives (RFC 9110 section 8.4, Fetch standard "handle content codings").

Decoding goes in steps of `STEP_BYTES` at the reader's pace: who reads slowly stops the decoder, and through it the
server. So memory is bounded whatever a server sends. What a reader collects is his own matter, therefore a body that
grows out of all proportion is refused too: the first `MAX_UNQUESTIONED_BYTES` are given whatever they came from, and
beyond them no more than `MAX_RATIO` bytes for each byte that crossed the network. Text and logs compress by 5 to 50;
who wants a compressed disk of zeros asks with `decode=False`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from .decoders import DECODERS, Decoder, available_codings
from .errors import BadEncoding, DecompressionBomb, EncodingCut
from .request import HeaderList
from .wire_response import ResponseHead

STEP_BYTES = 65_536
MAX_UNQUESTIONED_BYTES = 64 * 1024 * 1024
MAX_RATIO = 250
MAX_CODINGS = 5
"""Codings around one body; honest servers use one."""
_ALIASES = {"x-gzip": "gzip"}
_DESCRIBE_THE_CODED_BODY = frozenset({"content-encoding", "content-length"})


class BodyReader(Protocol):
    """A body that is read in pieces."""

    async def read(self) -> bytes:
        """Wait for the next piece; b"" at the end."""
        ...


def codings_of(method: str, head: ResponseHead) -> tuple[str, ...]:
    """The codings to undo, outermost first; none when there is no body, or when one of them is not known.

    A part of a coded body (206) is left as it is: nothing can be made of its middle. Raises `BadEncoding` for more
    codings than any honest server uses.
    """
    if method == "HEAD" or head.status in (204, 205, 206, 304):
        return ()
    return codings_in([value for name, value in head.headers if name.lower() == "content-encoding"]) or ()


def codings_in(values: Sequence[str]) -> tuple[str, ...] | None:
    """The codings that values of Content-Encoding name, outermost first; None when one of them is not known."""
    words = [word.strip(" \t").lower() for value in values for word in value.split(",")]
    codings = [_ALIASES.get(word, word) for word in words if word not in ("", "identity")]
    if any(coding not in available_codings() for coding in codings):
        return None
    if len(codings) > MAX_CODINGS:
        raise BadEncoding("the server's answer is encoded too many times over")
    return tuple(reversed(codings))


def known_codings(values: Sequence[str]) -> tuple[str, ...]:
    """The codings that values of Content-Encoding name, outermost first; those that are not known are passed over, as
    httpx does it. Raises `BadEncoding` for too many.
    """
    known = [value for value in ",".join(values).split(",") if codings_in([value])]
    return codings_in(known) or ()


def headers_without_coding(headers: HeaderList) -> HeaderList:
    """The headers of the decoded body: what describes the coded one is left out."""
    return [(name, value) for name, value in headers if name.lower() not in _DESCRIBE_THE_CODED_BODY]


def decoded(body: BodyReader, codings: Sequence[str]) -> BodyReader:
    """The body without its codings, which are given outermost first."""
    counter = _Counted(body)
    stage: BodyReader = counter
    for coding in codings:
        stage = DecodedBody(stage, coding, DECODERS[coding](), counter)
    return stage


class _Counted:
    """Counts what crossed the network."""

    def __init__(self, body: BodyReader) -> None:
        self._body = body
        self.count = 0

    async def read(self) -> bytes:
        piece = await self._body.read()
        self.count += len(piece)
        return piece


class DecodedBody:
    """One coding undone. Raises `BadEncoding`, `EncodingCut` or `DecompressionBomb`, and what reading `body` raises."""

    def __init__(self, body: BodyReader, coding: str, decoder: Decoder, wire: _Counted) -> None:
        self._body = body
        self._coding = coding
        self._decoder = decoder
        self._wire = wire
        self._count = 0
        self._began = False
        self._at_end = False

    async def read(self) -> bytes:
        """Wait for the next piece; b"" at the end."""
        while not self._at_end:
            data = b""
            if self._decoder.needs_input:
                data = await self._body.read()
                if not data:
                    self._end()
                    break
                self._began = True
            else:
                await asyncio.sleep(0)  # a bomb in memory must not keep the loop from others
            piece = self._decode(data)
            if piece:
                return piece
        return b""

    def _decode(self, data: bytes) -> bytes:
        try:
            piece = self._decoder.decode(data, STEP_BYTES)
        except self._decoder.failure as error:
            raise BadEncoding(coding=self._coding) from error
        self._count += len(piece)
        if self._count > MAX_UNQUESTIONED_BYTES and self._count > MAX_RATIO * self._wire.count:
            raise DecompressionBomb(coding=self._coding)
        return piece

    def _end(self) -> None:
        """An empty body is whole, whatever its coding, as browsers have it."""
        self._at_end = True
        if self._began and not self._decoder.may_end:
            raise EncodingCut(coding=self._coding)
