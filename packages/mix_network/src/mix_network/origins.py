"""Which web pages may use a server on this machine.

A browser lets any site send requests to 127.0.0.1, says in `Origin` which site it is, and leaves it to the server to
care. A site whose name is made to lead here (DNS rebinding) is of the same origin, but `Host` still has its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import ip_address

_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[^\[\]:/@?#\s]+)(?::(\d{1,5}))?", re.IGNORECASE)
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:/@?#\s]+)(?::(\d{1,5}))?", re.IGNORECASE)
_WEB = ("http", "https")
_OPAQUE = "null"
_DEFAULT_PORTS = {"http": "80", "https": "443"}


class Origins:
    """Decides by the headers `Origin` and `Host` of a request to a server that listens on loopback.

    only_local -- whether pages of other sites are refused, as they must be where a server leads to this machine's own
        services; else any page may come
    also -- origins that may come besides, such as `https://app.test`. Raises ValueError for what is no origin
    any_host -- whether it may be called by any name, as a server for everybody is
    """

    def __init__(self, *, only_local: bool, also: Iterable[str] = (), any_host: bool = False) -> None:
        self.only_local = only_local
        self._any_host = any_host
        self._also: set[str] = set()
        self._also_hosts: set[str] = set()
        for origin in also:
            match = _ORIGIN.fullmatch(origin)
            if match is None and origin != _OPAQUE:
                raise ValueError("an origin looks like https://app.test or http://192.168.1.5:3000")
            self._also.add(_normal(origin))
            if match is not None:
                self._also_hosts.add(match[2].lower())

    def allows(self, origins: Sequence[str], hosts: Sequence[str]) -> bool:
        """Whether a request is served that has these values in its headers `Origin` and `Host`; programs have none of
        the first, and nobody has two."""
        return (
            max(len(origins), len(hosts)) <= 1
            and all(self.allows_origin(origin) for origin in origins)
            and all(self._allows_host(host) for host in hosts)
        )

    def allows_origin(self, origin: str) -> bool:
        """Whether a page of this origin may come."""
        if not self.only_local or _normal(origin) in self._also:
            return True
        match = _ORIGIN.fullmatch(origin)
        return match is not None and match[1].lower() in _WEB and is_loopback_host(match[2])

    def _allows_host(self, host: str) -> bool:
        if self._any_host:
            return True
        match = _HOST.fullmatch(host)
        return match is not None and (match[1].lower() in self._also_hosts or is_loopback_host(match[1]))


def is_loopback_host(host: str) -> bool:
    """Whether a host, as it stands in a URL, is this machine for every browser (RFC 6761 section 6.3)."""
    name = host.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name[1:-1] if name.startswith("[") else name).is_loopback
    except ValueError:
        return False


def _normal(origin: str) -> str:
    match = _ORIGIN.fullmatch(origin)
    if match is None:
        return origin
    scheme, host, port = match[1].lower(), match[2].lower(), match[3]
    return f"{scheme}://{host}:{port or _DEFAULT_PORTS.get(scheme, '')}"
