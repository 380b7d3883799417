"""permessage-deflate (RFC 7692) as servers have it: with windows of 8 bits, which the library does not take, and with
blocks marked as the last, behind which it reads nothing any more.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from websockets.extensions.base import Extension
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, PerMessageDeflate
from websockets.typing import ExtensionParameter

_OURS = ("client_max_window_bits", "8")
_COMPRESSED_FOR_IT = ("client_max_window_bits", "9")
_MAX_WINDOW_BITS = 15
MAX_RESTARTS = 64
"""Of one piece of a message: each takes as long as some kilobytes, and honest servers mark one block a message."""
_MESSAGE_END = b"\0\0\xff\xff"
"""What the receiver puts behind each message (section 7.2.2)."""

Bytes = bytes | bytearray | memoryview


class InflateStream:
    """zlib's decompressor for the messages of one connection; behind a block marked as the last it begins anew.

    Servers without a sync flush mark one in each message (section 7.2.3.4), and begin the next message without a
    window. The byte that has to follow such a block may be missing.
    """

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=-_MAX_WINDOW_BITS)
        self._is_new = True
        self._left: Bytes = b""

    @property
    def unconsumed_tail(self) -> Bytes:
        """What was not read because there was no room for what it gives."""
        return self._left or self._stream.unconsumed_tail

    def decompress(self, data: Bytes, max_length: int = 0) -> bytes:
        """Decompress, to at most `max_length` bytes unless that is 0. Raises `zlib.error`."""
        out = b""
        for _ in range(MAX_RESTARTS):
            if not data or (self._is_new and data == _MESSAGE_END):
                return out
            if max_length and len(out) >= max_length:
                self._left = data  # nobody goes on behind a message that is too long
                return out
            out += self._stream.decompress(data, max_length - len(out) if max_length else 0)
            self._is_new = self._stream.eof
            if not self._is_new:
                return out
            data = self._stream.unused_data
            self._stream = zlib.decompressobj(wbits=-_MAX_WINDOW_BITS)
        raise zlib.error("too many streams in one piece")


class DeflateFactory(ClientPerMessageDeflateFactory):
    """Offers what a factory of the library offers, and takes every window that a server may choose.

    zlib makes no raw deflate data for a window of 2**8 bytes. But it never looks back further than its window less 262
    bytes, so what it makes for 2**9 is within 250 bytes, and right for 2**8 as well.

    Servers that use zlib may have a larger window than the 2**8 bytes that they say: data are read with the largest.
    """

    @classmethod
    def of(cls, given: ClientPerMessageDeflateFactory) -> DeflateFactory:
        """The same offer."""
        return cls(
            given.server_no_context_takeover,
            given.client_no_context_takeover,
            given.server_max_window_bits,
            given.client_max_window_bits,
            given.compress_settings,
        )

    def process_response_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> PerMessageDeflate:
        """The extension as agreed on; raises the library's `NegotiationError`."""
        usable = [_COMPRESSED_FOR_IT if parameter == _OURS else parameter for parameter in params]
        agreed = super().process_response_params(usable, accepted_extensions)
        agreed.remote_max_window_bits = _MAX_WINDOW_BITS
        if not agreed.remote_no_context_takeover:
            agreed.decoder = InflateStream()  # type: ignore[assignment]  # it does what the library wants of zlib's
        return agreed
