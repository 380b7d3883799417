"""Plain http: the exit can read and change everything, so it is warned about, or refused on request."""

from __future__ import annotations

import logging

from .errors import InsecureRedirect, PlainHttpRefused
from .url import HttpUrl

_LOG = logging.getLogger("mix_tunnel")


class PlainHttpPolicy:
    """What becomes of http: URLs. Warnings name no URL, and each is given once."""

    def __init__(self, *, https_only: bool) -> None:
        self._https_only = https_only
        self._given: set[str] = set()

    def check(self, url: HttpUrl, redirected_from: HttpUrl | None = None) -> None:
        """Raise `PlainHttpRefused` or `InsecureRedirect` for plain http where only https is wanted, else warn."""
        if url.scheme == "https":
            return
        if self._https_only:
            raise PlainHttpRefused if redirected_from is None else InsecureRedirect
        if redirected_from is not None and redirected_from.scheme == "https":
            self._warn("a server redirected from https to plain http: the exit can read and change what follows")
        else:
            self._warn("plain http: the exit can read and change it, as can everybody between exit and server")

    def _warn(self, text: str) -> None:
        if text not in self._given:
            self._given.add(text)
            _LOG.warning("%s; use https, or refuse plain http by the option https_only (in JavaScript httpsOnly)", text)
