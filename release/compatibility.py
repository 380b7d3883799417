#!/usr/bin/env python3
"""Writes docs/compatibility.md from what the judges in tests/interop said, which `pytest --verdicts FILE` keeps.

compatibility.py FILE
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_PAGE = ROOT / "docs/compatibility.md"
_PUBLISHED_PAGE = ("mix-tunnel", "mix-fetch", "mix-dns", "mix-websocket")
_JUDGES = {
    "test_published_scenarios.py": ("The published page packages", _PUBLISHED_PAGE),
    "test_published_client.py": ("The published page packages, exits of both versions", _PUBLISHED_PAGE),
    "test_messaging_sdk.py": ("The published messaging SDK", ("sdk",)),
}
_WORDS = {"passed": "works", "failed": "**fails**", "skipped": "not tried"}
_HEAD = """# What works with which published version

Programs that others wrote and published, unmodified, judge this project's network. Each line is a test in
`tests/interop` that ran on the day given; "refused" means that the published client must notice, and tell so in an
error of its own. `make interop` asks all judges anew and writes this page.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "verdicts", type=Path, nargs="+", help="what pytest --verdicts has written; the last word counts"
    )
    runs = [json.loads(path.read_text()) for path in parser.parse_args().verdicts]
    last = {(verdict["file"], verdict["scenario"]): verdict for run in runs for verdict in run["verdicts"]}
    _PAGE.write_text("\n".join(_lines(min(run["date"] for run in runs), list(last.values()))) + "\n")


def _lines(date: str, verdicts: list[dict[str, str]]) -> Iterator[str]:
    yield _HEAD
    yield f"Asked on {date}."
    for file, (title, packages) in _JUDGES.items():
        rows = [verdict for verdict in verdicts if Path(verdict["file"]).name == file]
        if not rows:
            continue
        yield f"\n## {title}\n"
        yield ", ".join(f"`@nymproject/{name}` {_version(name)}" for name in packages) + ".\n"
        yield "| scenario | outcome |"
        yield "|---|---|"
        for verdict in rows:
            yield f"| {verdict['scenario'].replace('|', '/')} | {_WORDS[verdict['outcome']]} |"


def _version(name: str) -> str:
    locked = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    return str(locked[f"node_modules/@nymproject/{name}"]["version"])


if __name__ == "__main__":
    main()
