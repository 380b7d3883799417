"""Seeds: what the tests have captured from the published client, and more."""

from __future__ import annotations

import json
from pathlib import Path

_CAPTURED = Path(__file__).parents[1] / "tests/vectors/reference-client"


def captured(pattern: str) -> list[bytes]:
    """The captured files of this pattern, the shortest first."""
    return sorted((path.read_bytes() for path in _CAPTURED.glob(pattern)), key=len)


def gateway_lines(side: str) -> list[str]:
    """What one side, `C` or `S`, said in captured conversations with a gateway, as text."""
    lines = [line for path in sorted(_CAPTURED.glob("gateway-*.jsonl")) for line in path.read_text().splitlines()]
    return [text for line in lines for kind, _, text in [line.partition(" ")] if kind == side and _is_json(text)]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
