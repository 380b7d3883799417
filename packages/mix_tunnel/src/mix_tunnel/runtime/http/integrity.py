"""Subresource Integrity (W3C): a body that must have one of the hashes named in the request.

Only the strongest algorithm named counts, so that a page may add a stronger hash without giving the weaker one up.
What is not understood is passed over, as browsers do; metadata without any hash that is understood checks nothing.
"""

from __future__ import annotations

import binascii
import hmac
import re
from base64 import b64decode

from .decoding import BodyReader
from .errors import BadIntegrity, IntegrityTooLarge

MAX_CHECKED_BYTES = 64 * 1024 * 1024
"""Kept in memory until the last byte is here, since none may be used before all are checked."""
_STRENGTH = {"sha256": 1, "sha384": 2, "sha512": 3}
_ITEM = re.compile(r"(sha256|sha384|sha512)-([A-Za-z0-9+/_-]+={0,2})(?:\?[\x21-\x7e]*)?")
_URL_SAFE = str.maketrans("-_", "+/")


class IntegrityMetadata:
    """The hashes of the strongest algorithm that a request's `integrity` names; false when there are none."""

    def __init__(self, text: str) -> None:
        found: dict[str, list[bytes]] = {}
        for item in text.split():
            match = _ITEM.fullmatch(item)
            if match is not None:
                found.setdefault(match[1], []).append(_digest(match[2]))
        self._algorithm = max(found, key=_STRENGTH.__getitem__, default="")
        self._digests = tuple(found.get(self._algorithm, ()))

    def __bool__(self) -> bool:
        return bool(self._digests)

    async def read_verified(self, body: BodyReader) -> bytes:
        """Read a body to its end and return it when it is the right one.

        Raises `BadIntegrity` when it is not, `IntegrityTooLarge` beyond `MAX_CHECKED_BYTES`, and what reading raises.
        """
        import hashlib  # the worker's OpenSSL takes its functions' place after this module is loaded

        state = hashlib.new(self._algorithm)
        data = bytearray()
        while piece := await body.read():
            if len(data) + len(piece) > MAX_CHECKED_BYTES:
                raise IntegrityTooLarge(limit_bytes=MAX_CHECKED_BYTES)
            state.update(piece)
            data += piece
        digest = state.digest()
        if not any(hmac.compare_digest(digest, wanted) for wanted in self._digests):
            raise BadIntegrity
        return bytes(data)


def _digest(text: str) -> bytes:
    """The digest that base64 text stands for; one that nothing matches when it is none."""
    unpadded = text.rstrip("=").translate(_URL_SAFE)
    try:
        return b64decode(unpadded + "=" * (-len(unpadded) % 4), validate=True)
    except binascii.Error:
        return b""
