"""One cookie, and the Set-Cookie header that makes it (RFC 6265bis sections 5.6 and 5.7)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, get_args

from .dates import parse_cookie_date

SameSite = Literal["default", "lax", "strict", "none"]

MAX_COOKIE_BYTES = 4096
"""Name and value together."""
MAX_ATTRIBUTE_BYTES = 1024
MAX_AGE_S = 400 * 86_400
"""Longer lives are cut to this."""
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_WHITESPACE = " \t"
_SECURE_PREFIXES = ("__secure-", "__host-", "__http-")
_HTTP_PREFIXES = ("__http-", "__host-http-")


@dataclass(slots=True)
class Cookie:
    """A cookie as the jar keeps it."""

    name: str
    value: str = field(repr=False)
    domain: str = field(repr=False)
    host_only: bool
    """Sent to this very host; otherwise to its subdomains as well."""
    path: str = field(repr=False)
    expires: float | None
    """Seconds since 1970; None lives as long as the tunnel."""
    secure: bool
    http_only: bool
    same_site: SameSite
    created: int = 0
    """Place in the order of creation, which decides the order of sending."""
    used: int = 0
    """Place in the order of use, which decides what goes first when there are too many."""

    @property
    def key(self) -> tuple[str, str, bool, str]:
        """What makes two cookies the same one."""
        return self.name, self.domain, self.host_only, self.path

    @property
    def pair(self) -> str:
        """The cookie as the Cookie header has it."""
        return f"{self.name}={self.value}" if self.name else self.value

    def is_expired(self, now: float) -> bool:
        """Whether its time is over."""
        return self.expires is not None and self.expires <= now

    def keeps_its_prefix(self) -> bool:
        """Whether it is what its prefix promises: `__Secure-`, `__Host-`, or with "Http-" that no script has set it."""
        name = self.name.lower()
        if not name:
            return not self.value.lower().startswith(_SECURE_PREFIXES)
        if name.startswith(_HTTP_PREFIXES) and not (self.secure and self.http_only):
            return False
        if name.startswith("__host-"):
            return self.secure and self.host_only and self.path == "/"
        return self.secure or not name.startswith("__secure-")


@dataclass(frozen=True, slots=True)
class SetCookie:
    """A Set-Cookie header, parsed; `domain` and `path` are "" where the host's own are meant."""

    name: str
    value: str = field(repr=False)
    domain: str = field(repr=False)
    path: str = field(repr=False)
    expires: float | None
    secure: bool
    http_only: bool
    same_site: SameSite


def is_clean(text: str) -> bool:
    """Whether text has none of the control characters that make a whole cookie invalid."""
    return _CONTROLS.search(text) is None


def parse_set_cookie(header: str, now: float) -> SetCookie | None:
    """Parse one header's value, which is Latin-1 text; None for what has to be ignored."""
    if not is_clean(header):
        return None
    pair, *attributes = header.split(";")
    name, equals, value = pair.partition("=")
    name, value = (name.strip(_WHITESPACE), value.strip(_WHITESPACE)) if equals else ("", pair.strip(_WHITESPACE))
    if not 0 < len(name) + len(value) <= MAX_COOKIE_BYTES:
        return None
    said: dict[str, str] = {}
    for attribute in attributes:
        key, _, text = attribute.partition("=")
        text = text.strip(_WHITESPACE)
        if len(text) <= MAX_ATTRIBUTE_BYTES:
            _take(said, key.strip(_WHITESPACE).lower(), text)
    path = said.get("path", "")
    return SetCookie(
        name=name,
        value=value,
        domain=said.get("domain", "").removeprefix(".").lower(),
        path=path if path.startswith("/") else "",
        expires=_expiry(said, now),
        secure="secure" in said,
        http_only="httponly" in said,
        same_site=_same_site(said.get("samesite", "").lower()),
    )


def _take(said: dict[str, str], key: str, text: str) -> None:
    """The last of several attributes counts, but a time that is none is as if it were not there."""
    if key == "expires" and parse_cookie_date(text) is None:
        return
    if key == "max-age" and not re.fullmatch(r"-?[0-9]+", text):
        return
    said[key] = text


def _expiry(said: dict[str, str], now: float) -> float | None:
    latest = now + MAX_AGE_S
    if (age := said.get("max-age")) is not None:
        if age.startswith("-"):
            return 0.0
        # Digits beyond any date are not worth a number of a thousand places.
        return min(now + int(age), latest) if len(age.lstrip("0")) <= 9 else latest
    if (date := said.get("expires")) is not None:
        when = parse_cookie_date(date)
        return None if when is None else min(when, latest)
    return None


def _same_site(text: str) -> SameSite:
    for word in get_args(SameSite):
        if text == word != "default":
            return word  # type: ignore[no-any-return]
    return "default"
