"""The URL standard (url.spec.whatwg.org), as `fetch` and every browser read URLs.

In a browser's worker the platform's own `URL` does it: it costs no byte and is what the page's other code uses.
Elsewhere the library pywhatwgurl does, in which Unicode's rules for hosts (UTS 46) are those of the `idna` package.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

MAX_CHARACTERS = 65_536
MAX_AUTHORITY_CHARACTERS = 2_048
"""Of user, host and port: more than any name has, and little enough for a parser in Python."""
_BREAKS = re.compile(r"[\t\n\r]")
_AUTHORITY = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:[/\\]*|[/\\]{2,})([^/\\?#]*)")
_AROUND = "".join(map(chr, range(0x21)))


@dataclass(frozen=True, slots=True)
class UrlParts:
    """A parsed URL of a scheme that has hosts; everything is ASCII, percent-encoded where the standard wants it."""

    scheme: str
    username: str = field(repr=False)
    password: str = field(repr=False)
    host: str = field(repr=False)
    """IPv6 without brackets."""
    port: int | None = field(repr=False)
    """None for the scheme's own."""
    target: str = field(repr=False)
    """Path and query."""
    fragment: str = field(repr=False)


class TooLong(ValueError):
    """More characters than are parsed."""


def parse_url(text: str, base: str | None = None) -> UrlParts | None:
    """Parse a text, relative to the URL `base` if there is one; None when it is no URL. Raises `TooLong`."""
    text = _BREAKS.sub("", text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip(_AROUND))
    authority = _AUTHORITY.match(text)
    # What is not ASCII is percent-encoded, one character after the other.
    length = 2 * len(text.encode()) - len(text)
    if length > MAX_CHARACTERS or (authority and len(authority[1]) > MAX_AUTHORITY_CHARACTERS):
        raise TooLong
    url = _parser()(text, base)
    if url is None:
        return None
    href: str = url.href
    before, _, fragment = href.partition("#")
    credentials = url.username or url.password
    begin = before.find("@") + 1 if credentials else len(url.protocol) + 2
    return UrlParts(
        scheme=url.protocol[:-1],
        username=url.username,
        password=url.password,
        host=url.hostname.removeprefix("[").removesuffix("]"),
        port=int(url.port) if url.port else None,
        target=before[begin + len(url.host) :],
        fragment=fragment,
    )


@cache
def _parser() -> Callable[[str, str | None], Any]:
    """What gives an object with the attributes of the standard's class `URL`, or None."""
    if sys.platform == "emscripten":
        from mix_tunnel.platform.browser import parse_url

        return parse_url
    from pywhatwgurl import URL

    def parse(text: str, base: str | None) -> Any:
        try:
            return URL(text, base)
        except ValueError:
            return None

    return parse
