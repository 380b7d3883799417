"""Cookies as JSON: what `export` gives, and what `load` accepts after checking it as if a server had sent it.

Whatever a server can set can be loaded again, or one site could make all that was exported useless.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, get_args

from mix_protocol.errors import MixError

from ..url import HttpUrl
from .cookie import MAX_AGE_S, MAX_COOKIE_BYTES, Cookie, SameSite, is_clean
from .errors import InvalidCookie
from .matching import is_public_suffix

MAX_PATH_LENGTH = 1 << 20
"""A request's path, percent-encoded, is shorter."""

_DEFAULTS: Mapping[str, Any] = {
    "host_only": True,
    "path": "/",
    "expires": None,
    "secure": False,
    "http_only": False,
    "same_site": "default",
}
_NEEDED = frozenset({"name", "value", "domain"})


def to_portable(cookie: Cookie) -> dict[str, Any]:
    """A cookie as a JSON object; `expires` is in seconds since 1970, or None for the life of the tunnel."""
    return {
        "name": cookie.name,
        "value": cookie.value,
        "domain": cookie.domain,
        "host_only": cookie.host_only,
        "path": cookie.path,
        "expires": cookie.expires,
        "secure": cookie.secure,
        "http_only": cookie.http_only,
        "same_site": cookie.same_site,
    }


def from_portable(cookies: object, now: float) -> list[Cookie]:
    """The cookies in a list of JSON objects; raises `InvalidCookie`, whose field `index` says which is wrong."""
    if not isinstance(cookies, (list, tuple)):
        raise InvalidCookie("cookies must be a list of objects, as the export gave it")
    return [_cookie(item, index, now) for index, item in enumerate(cookies)]


def _cookie(item: object, index: int, now: float) -> Cookie:
    def require(is_right: bool, member: str, allowed: str) -> None:
        if not is_right:
            raise InvalidCookie(f"cookie {index}: {member} must be {allowed}", index=index, member=member)

    require(isinstance(item, Mapping), "it", "an object")
    assert isinstance(item, Mapping)
    unknown = [name for name in item if name not in _NEEDED and name not in _DEFAULTS]
    require(not unknown, str(unknown[0])[:64] if unknown else "", "left out; there is no such member")
    for name in _NEEDED:
        require(name in item, name, "given")
    said = {**_DEFAULTS, **item}
    for name in ("name", "value"):
        is_right = _is_text(said[name]) and ";" not in said[name]
        require(is_right, name, "a text without control characters, semicolons, or outer spaces")
    # A path that no attribute gave is the request's, where semicolons may be.
    require(_is_text(said["path"]), "path", "a text without control characters or outer spaces")
    for name in ("host_only", "secure", "http_only"):
        require(isinstance(said[name], bool), name, "true or false")
    require("=" not in said["name"], "name", "without an equals sign")
    size = len(said["name"]) + len(said["value"])
    require(0 < size <= MAX_COOKIE_BYTES, "value", f"1 to {MAX_COOKIE_BYTES} bytes, with its name")
    require(said["path"].startswith("/") and len(said["path"]) <= MAX_PATH_LENGTH, "path", "a path from / on")
    require(_is_domain(said["domain"]), "domain", "a host's name or address, in lower case")
    is_shared = not said["host_only"] and is_public_suffix(said["domain"])
    require(not is_shared, "domain", "registered by somebody; this one is a public suffix")
    require(_is_time(said["expires"]), "expires", "seconds since 1970, or null")
    require(said["same_site"] in get_args(SameSite), "same_site", "default, lax, strict or none")
    require(said["same_site"] != "none" or said["secure"], "same_site", "another than none when it is not secure")
    if said["expires"] is not None:
        said["expires"] = float(max(0, min(said["expires"], now + MAX_AGE_S)))  # no float holds every integer
    cookie = Cookie(**said)
    require(cookie.keeps_its_prefix(), "name", "without the prefix __Host- or __Secure-, or as secure as that says")
    return cookie


def _is_text(value: object) -> bool:
    if not isinstance(value, str) or not is_clean(value) or value.strip(" \t") != value:
        return False
    return all(character <= "\xff" for character in value)


def _is_domain(value: object) -> bool:
    """Whether it is the host of a URL, in the form that URLs' hosts have here."""
    if not isinstance(value, str):
        return False
    try:
        return HttpUrl.parse(f"https://{f'[{value}]' if ':' in value else value}/").host == value
    except MixError:
        return False


def _is_time(value: object) -> bool:
    if value is None:
        return True
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -math.inf < value < math.inf
