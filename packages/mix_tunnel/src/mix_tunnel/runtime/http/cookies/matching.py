"""Which cookie belongs to which host and path, and which hosts are one site."""

from __future__ import annotations

from functools import cache, lru_cache

from publicsuffixlist import PublicSuffixList

from ...dns.names import literal_address


@cache
def _public_suffixes() -> PublicSuffixList:
    """Mozilla's list, read when the first cookie comes (0.05 s)."""
    return PublicSuffixList()


def is_public_suffix(domain: str) -> bool:
    """Whether unrelated people have hosts below this domain, as below `co.uk` or `github.io`."""
    return bool(_public_suffixes().is_public(domain))


@lru_cache(maxsize=1024)
def registrable_domain(host: str) -> str:
    """The part of a host that somebody registered; the host itself where there is none (addresses, suffixes)."""
    if literal_address(host) is not None:
        return host
    return _public_suffixes().privatesuffix(host) or host


def domain_matches(host: str, domain: str) -> bool:
    """Whether host is domain or below it (RFC 6265bis section 5.1.3); both in lower case."""
    return host == domain or (host.endswith("." + domain) and literal_address(host) is None)


def path_matches(path: str, cookie_path: str) -> bool:
    """Whether path is cookie_path or below it (section 5.1.4)."""
    return path == cookie_path or (
        path.startswith(cookie_path) and (cookie_path.endswith("/") or path[len(cookie_path)] == "/")
    )


def default_path(target: str) -> str:
    """The path of a cookie that names none: the request's folder (section 5.1.4)."""
    path = target.partition("?")[0]
    return path[: path.rfind("/")] or "/"
