"""The jar: what is stored, sent, thrown out, exported and loaded (RFC 6265bis sections 5.7 and 5.8)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..url import HttpUrl
from .cookie import Cookie, SetCookie, parse_set_cookie
from .matching import default_path, domain_matches, is_public_suffix, path_matches, registrable_domain
from .portable import from_portable, to_portable

MAX_PER_SITE = 180
"""Cookies of one registrable domain, with all its subdomains."""
MAX_IN_ALL = 3000


class CookieJar:
    """Cookies of all sites. `clock` gives seconds since 1970."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sites: dict[str, dict[tuple[str, str, bool, str], Cookie]] = {}
        self._count = 0
        self._turn = 0

    def __len__(self) -> int:
        return self._count

    def store(self, url: HttpUrl, headers: Sequence[str]) -> None:
        """Take what a response from `url` sets; values of Set-Cookie headers, in their order.

        What has to be ignored is, and of more headers than a site may have cookies only the last ones are looked at.
        """
        now = self._clock()
        for header in headers[-MAX_PER_SITE:]:
            parsed = parse_set_cookie(header, now)
            cookie = None if parsed is None else self._accept(url, parsed)
            if cookie is not None:
                self._put(cookie, now)
        self._keep_limits(now)

    def header_for(self, url: HttpUrl, *, cross_site: bool = False, safe_method: bool = True) -> str:
        """The Cookie header of a request, "" for none.

        cross_site -- the request was redirected here by another site: `SameSite=Strict` cookies stay behind, and so
            do all but `SameSite=None` ones unless `safe_method`, as when a person follows a link
        """
        now = self._clock()
        path = url.target.partition("?")[0]
        site = self._sites.get(registrable_domain(url.host), {})
        wanted = [
            cookie
            for cookie in site.values()
            if (url.host == cookie.domain if cookie.host_only else domain_matches(url.host, cookie.domain))
            and path_matches(path, cookie.path)
            and (url.scheme == "https" or not cookie.secure)
            and not cookie.is_expired(now)
            and not (cross_site and (cookie.same_site == "strict" or (not safe_method and cookie.same_site != "none")))
        ]
        wanted.sort(key=lambda cookie: (-len(cookie.path), cookie.created))
        for cookie in wanted:
            cookie.used = self._next_turn()
        return "; ".join(cookie.pair for cookie in wanted)

    def export(self) -> list[dict[str, Any]]:
        """Every cookie that has not expired as a JSON object, oldest first; `load` takes them again."""
        now = self._clock()
        cookies = [cookie for site in self._sites.values() for cookie in site.values() if not cookie.is_expired(now)]
        return [to_portable(cookie) for cookie in sorted(cookies, key=lambda cookie: cookie.created)]

    def load(self, cookies: Sequence[Mapping[str, Any]]) -> None:
        """Add cookies as `export` gave them, in place of the same ones; raises `InvalidCookie`, and then adds none."""
        now = self._clock()
        for cookie in from_portable(cookies, now):
            self._put(cookie, now)
        self._keep_limits(now)

    def clear(self) -> None:
        """Forget every cookie."""
        self._sites.clear()
        self._count = 0

    def _accept(self, url: HttpUrl, said: SetCookie) -> Cookie | None:
        """Section 5.7: the cookie that the header sets, or None when this host may not set it."""
        domain = said.domain
        if domain and (not domain.isascii() or is_public_suffix(domain)):
            if domain != url.host:
                return None
            domain = ""
        if domain and not domain_matches(url.host, domain):
            return None
        cookie = Cookie(
            name=said.name,
            value=said.value,
            domain=domain or url.host,
            host_only=not domain,
            path=said.path or default_path(url.target),
            expires=said.expires,
            secure=said.secure,
            http_only=said.http_only,
            same_site=said.same_site,
        )
        is_secure_origin = url.scheme == "https"
        if cookie.secure and not is_secure_origin:
            return None
        if not is_secure_origin and self._would_hide_a_secure_one(cookie):
            return None
        if cookie.same_site == "none" and not cookie.secure:
            return None
        if cookie.name.lower().startswith("__host-") and not said.path:
            return None  # the path has to be said
        return cookie if cookie.keeps_its_prefix() else None

    def _would_hide_a_secure_one(self, cookie: Cookie) -> bool:
        """Whether somebody on plain http tries to pass a cookie off as one that https had set."""
        return any(
            other.secure
            and other.name == cookie.name
            and (domain_matches(other.domain, cookie.domain) or domain_matches(cookie.domain, other.domain))
            and path_matches(cookie.path, other.path)
            for other in self._sites.get(registrable_domain(cookie.domain), {}).values()
        )

    def _put(self, cookie: Cookie, now: float) -> None:
        name = registrable_domain(cookie.domain)
        site = self._sites.setdefault(name, {})
        old = site.pop(cookie.key, None)
        self._count -= old is not None
        cookie.used = self._next_turn()
        cookie.created = cookie.used if old is None else old.created
        if not cookie.is_expired(now):
            site[cookie.key] = cookie
            self._count += 1
        if not site:
            self._sites.pop(name, None)

    def _keep_limits(self, now: float) -> None:
        """Throw out what is too much, once for all cookies of a response: each time costs a look at all others."""
        for site in [site for site in self._sites.values() if len(site) > MAX_PER_SITE]:
            self._throw_out(list(site.values()), now, MAX_PER_SITE)
        if self._count > MAX_IN_ALL:
            self._throw_out([each for site in self._sites.values() for each in site.values()], now, MAX_IN_ALL)

    def _throw_out(self, cookies: Iterable[Cookie], now: float, keep: int) -> None:
        """Forget expired ones first, then of one site what is not secure, then what was unused longest."""
        by_site = keep == MAX_PER_SITE
        order = sorted(cookies, key=lambda each: (not each.is_expired(now), by_site and each.secure, each.used))
        excess = len(order) - keep
        for index, cookie in enumerate(order):
            if index >= excess and not cookie.is_expired(now):
                break
            name = registrable_domain(cookie.domain)
            site = self._sites[name]
            del site[cookie.key]
            self._count -= 1
            if not site:
                del self._sites[name]

    def _next_turn(self) -> int:
        self._turn += 1
        return self._turn
