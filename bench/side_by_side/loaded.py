"""What a first visit loads, file by file: as it is, compressed by gzip and Brotli, and as it was sent."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import brotli

from bench.side_by_side.site import file_of

CACHE = Path(__file__).resolve().parents[2] / "build/bench-cache/sizes.json"
_GZIP_MAGIC = b"\x1f\x8b"
_BROTLI_QUALITY = 6
"""The best one, 11, takes minutes for what is a tenth less."""


def loaded_files(sent: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The files that were sent, each once, largest first.

    sent -- what the pages' server told (`site.Sent`); what it sent as Brotli needs no guess
    """
    known = json.loads(CACHE.read_text()) if CACHE.is_file() else {}
    files = []
    for each in sent:
        path = file_of(each["path"])
        if path is None or each["status"] != 200:
            continue
        content = path.read_bytes()
        key = hashlib.sha256(content).hexdigest()
        if key not in known:
            known[key] = sizes(content)
        files.append({"path": each["path"], **known[key], "sent": each["size"]})
        if each["encoding"] == "br":
            files[-1]["brotli"] = each["size"]
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    CACHE.write_text(json.dumps(known))
    return sorted(files, key=lambda file: -file["brotli"])


def sizes(content: bytes) -> dict[str, int]:
    """Bytes as they are used, and compressed; what comes as gzip is unpacked first."""
    raw = gzip.decompress(content) if content.startswith(_GZIP_MAGIC) else content
    return {
        "raw": len(raw),
        "gzip": len(gzip.compress(raw, 9, mtime=0)),
        "brotli": len(brotli.compress(raw, quality=_BROTLI_QUALITY, lgwin=24)),
    }
