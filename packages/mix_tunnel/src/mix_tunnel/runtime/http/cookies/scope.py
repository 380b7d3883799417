"""Cookies in one fetch: which of its requests send and store them (`credentials`, redirects, SameSite)."""

from __future__ import annotations

from dataclasses import replace

from ..request import CredentialsMode, HeaderList, PreparedRequest
from ..url import HttpUrl
from .jar import CookieJar
from .matching import registrable_domain

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class CookieScope:
    """Follows one fetch from URL to URL.

    A tunnel's requests come from no page, so the first URL stands for the page: `same-origin` sends and stores cookies
    until a redirect leads to another origin, and not again even if it leads back (as the Fetch standard has it for
    tainted responses); `include` does so everywhere; `omit` nowhere. SameSite is judged by the same chain.
    """

    def __init__(self, jar: CookieJar | None, credentials: CredentialsMode, first: HttpUrl) -> None:
        self._jar = jar if credentials != "omit" else None
        self._everywhere = credentials == "include"
        self._first = first
        self._left_origin = False
        self._left_site = False

    def attach(self, request: PreparedRequest) -> PreparedRequest:
        """The request with the jar's cookies; a Cookie header of the caller's own is left alone."""
        jar = self._jar_for(request.url)
        if jar is None or any(name.lower() == "cookie" for name, _ in request.headers):
            return request
        cookies = jar.header_for(request.url, cross_site=self._left_site, safe_method=request.method in _SAFE_METHODS)
        return replace(request, headers=(*request.headers, ("Cookie", cookies))) if cookies else request

    def learn(self, url: HttpUrl, headers: HeaderList) -> None:
        """Store what a response sets."""
        jar = self._jar_for(url)
        if jar is not None:
            jar.store(url, [value for name, value in headers if name.lower() == "set-cookie"])

    def _jar_for(self, url: HttpUrl) -> CookieJar | None:
        if self._jar is None:
            return None
        self._left_origin = self._left_origin or url.origin != self._first.origin
        self._left_site = self._left_site or _site(url) != _site(self._first)
        return None if self._left_origin and not self._everywhere else self._jar


def _site(url: HttpUrl) -> tuple[str, str]:
    return url.scheme, registrable_domain(url.host)
