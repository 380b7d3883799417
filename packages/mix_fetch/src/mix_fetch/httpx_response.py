"""An answer for httpx whose body is decoded in small steps.

httpx's own decoders unpack whatever has arrived in one go: 809 bytes of Brotli would stop the program, and its tunnel's
cover traffic, for half a minute. Nothing else about the response is different, and `aiter_raw` gives it as it came.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx

from mix_tunnel.api import BadEncoding, DecompressionBomb, EncodingCut, decoded, known_codings


class SteadyResponse(httpx.Response):
    """A response that decodes at its reader's pace; all that reads decoded bytes goes through `aiter_bytes`."""

    async def aiter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """The decoded body, in pieces of `chunk_size` bytes if that is given. Raises `httpx.DecodingError`.

        What ends in the middle of a coding ends here without an error, as with httpx's decoders.
        """
        values = self.headers.get_list("content-encoding")
        if self.is_stream_consumed or not values:
            async for piece in super().aiter_bytes(chunk_size):
                yield piece
            return
        rest = b""
        try:
            body = decoded(_Pieces(self.aiter_raw()), known_codings(values))
            while piece := await body.read():
                rest += piece
                step = chunk_size or len(rest)
                whole = len(rest) - len(rest) % step
                for start in range(0, whole, step):
                    yield rest[start : start + step]
                rest = rest[whole:]
        except EncodingCut:
            pass
        except (BadEncoding, DecompressionBomb) as error:
            raise httpx.DecodingError(str(error), request=self.request) from error
        if rest:
            yield rest


class _Pieces:
    """A body that is read, out of one that is iterated over."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces

    async def read(self) -> bytes:
        """The next piece; b"" at the end."""
        return await anext(self._pieces, b"")
