"""permessage-deflate (RFC 7692) with windows of 8 bits, which the library does not take."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from websockets.extensions.base import Extension
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, PerMessageDeflate
from websockets.typing import ExtensionParameter

_OURS = ("client_max_window_bits", "8")
_COMPRESSED_FOR_IT = ("client_max_window_bits", "9")
_MAX_WINDOW_BITS = 15


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
            agreed.decoder = zlib.decompressobj(wbits=-_MAX_WINDOW_BITS)
        return agreed
