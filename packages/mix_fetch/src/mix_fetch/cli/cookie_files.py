"""Files of cookies as curl, wget and browsers' exporters write them: Netscape's format, a line of seven fields each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_HEAD = "# Netscape HTTP Cookie File\n# Written by mix fetch. What is in it can log in as you.\n\n"
_HTTP_ONLY = "#HttpOnly_"
_FIELDS = 7


def read_cookie_file(path: str) -> list[dict[str, Any]]:
    """The cookies in a file, as a tunnel's jar takes them; none when there is no such file yet.

    Raises OSError, and ValueError for a file of another format.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    # Not by `splitlines`, for which values may have line breaks that are none here.
    lines = (line for line in text.split("\n") if line.strip())
    return [_read_line(line) for line in lines if not line.startswith("#") or line.startswith(_HTTP_ONLY)]


def write_cookie_file(path: str, cookies: Iterable[Mapping[str, Any]]) -> None:
    """Write a jar's cookies to a file that only its owner may read. Raises OSError.

    Those with a tab in name or path have no line in this format, and are left out as curl leaves them out.
    """
    file = Path(path)
    file.touch(mode=0o600)
    lines = [_line(cookie) for cookie in cookies if "\t" not in cookie["name"] + cookie["path"]]
    file.write_text(_HEAD + "".join(lines), encoding="utf-8")


def _read_line(line: str) -> dict[str, Any]:
    fields = line.removeprefix(_HTTP_ONLY).split("\t", _FIELDS - 1)  # a value may have tabs
    if len(fields) != _FIELDS:
        raise ValueError("a line of a cookie file must have seven fields with tabs between them")
    domain, with_subdomains, path, secure, expires, name, value = fields
    return {
        "name": name,
        "value": value,
        "domain": domain.lstrip(".").lower(),
        "host_only": with_subdomains.upper() != "TRUE",
        "path": path,
        "secure": secure.upper() == "TRUE",
        "expires": float(expires) or None,
        "http_only": line.startswith(_HTTP_ONLY),
    }


def _line(cookie: Mapping[str, Any]) -> str:
    fields = (
        (_HTTP_ONLY if cookie["http_only"] else "") + ("" if cookie["host_only"] else ".") + cookie["domain"],
        "FALSE" if cookie["host_only"] else "TRUE",
        cookie["path"],
        "TRUE" if cookie["secure"] else "FALSE",
        str(int(cookie["expires"] or 0)),
        cookie["name"],
        cookie["value"],
    )
    return "\t".join(fields) + "\n"
