#!/usr/bin/env python3
"""Writes docs/compatibility.md from what the judges in tests/interop said, which `pytest --verdicts FILE` keeps.

compatibility.py FILE …
"""

from __future__ import annotations

import argparse
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
_PAGE = ROOT / "docs/compatibility.md"
_INTEROP = ROOT / "tests/interop"


@dataclass(frozen=True)
class Judge:
    """Whose verdicts make a section, and which published packages it is made of."""

    title: str
    packages: tuple[str, ...] = ()
    """Of npm, of one scope."""
    crates: tuple[str, ...] = ()
    folder: str = ""
    """Where the crates' versions are pinned."""

    def versions(self) -> Iterator[str]:
        """Names and versions as they are pinned."""
        if self.packages:
            locked = json.loads((ROOT / "package-lock.json").read_text())["packages"]
            for name in self.packages:
                yield f"`@nymproject/{name}` {locked[f'node_modules/@nymproject/{name}']['version']}"
        if self.crates:
            pinned = tomllib.loads((_INTEROP / self.folder / "versions.lock").read_text())["package"]
            for name in self.crates:
                yield f"`{name}` {next(crate['version'] for crate in pinned if crate['name'] == name)}"


_PAGE_PACKAGES = ("mix-tunnel", "mix-fetch", "mix-dns", "mix-websocket")
_JUDGES = {
    "test_published_scenarios.py": Judge("The published page packages", _PAGE_PACKAGES),
    "test_published_client.py": Judge("The published page packages, exits of both versions", _PAGE_PACKAGES),
    "test_messaging_sdk.py": Judge("The published messaging SDK", ("sdk",)),
    "test_native_crates.py": Judge(
        "The published crates for native programs", crates=("nym-sdk", "nym-smolmix"), folder="native_crates"
    ),
    "test_sphinx_crate.py": Judge("The published crate of packets", crates=("sphinx-packet",), folder="crates"),
    "test_noise_crate.py": Judge("The published crate of links between nodes", crates=("nym-noise",), folder="crates"),
    "test_api_crates.py": Judge(
        "The published crates of node and directory APIs",
        crates=("nym-node-requests", "nym-api-requests"),
        folder="api_crates",
    ),
}
_WORST = ("failed", "passed", "skipped")
_WORDS = {"passed": "works", "failed": "**fails**", "skipped": "not tried"}
_HEAD = """# What works with which published version

Programs that others wrote and published, unmodified, judge this project's network. Each line is a test in
`tests/interop` that ran on the day given; "refused" means that the published client must notice, and tell so in an
error of its own. `make interop` asks anew and writes the sections of those that it asked; so do
`make test-slow-judges`, for the APIs, and `make interop-native`, which takes an hour the first time.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "verdicts", type=Path, nargs="+", help="what pytest --verdicts has written; the last word counts"
    )
    said: dict[tuple[str, str], dict[str, str]] = {}
    for path in parser.parse_args().verdicts:
        said |= scenarios(json.loads(path.read_text()))
    _PAGE.write_text(updated_page(_PAGE.read_text(), list(said.values())))


def scenarios(run: dict[str, Any]) -> dict[tuple[str, str], dict[str, str]]:
    """By file and scenario, which may stand for several tests: the worst outcome counts."""
    said: dict[tuple[str, str], dict[str, str]] = {}
    for verdict in run["verdicts"]:
        former = said.setdefault((verdict["file"], verdict["scenario"]), {**verdict, "date": run["date"]})
        former["outcome"] = min(former["outcome"], verdict["outcome"], key=_WORST.index)
    return said


def updated_page(former: str, verdicts: list[dict[str, str]]) -> str:
    """The page with new sections of the judges that were asked, and all others as they stood."""
    kept = dict(part.split("\n", 1) for part in re.split(r"^## ", former, flags=re.MULTILINE)[1:])
    sections = {}
    for file, judge in _JUDGES.items():
        rows = [verdict for verdict in verdicts if Path(verdict["file"]).name == file]
        if any(row["outcome"] != "skipped" for row in rows):
            sections[judge.title] = "\n".join(_section(judge, rows)) + "\n"
        elif judge.title in kept:
            sections[judge.title] = kept[judge.title]
    sections |= {title: text for title, text in kept.items() if title not in sections}
    return "\n".join([_HEAD.rstrip() + "\n", *(f"## {title}\n{text.rstrip()}\n" for title, text in sections.items())])


def _section(judge: Judge, rows: list[dict[str, str]]) -> Iterator[str]:
    yield f"\n{', '.join(judge.versions())}. Asked on {min(row['date'] for row in rows)}.\n"
    yield "| scenario | outcome |"
    yield "|---|---|"
    for verdict in rows:
        yield f"| {verdict['scenario'].replace('|', '/')} | {_WORDS[verdict['outcome']]} |"


if __name__ == "__main__":
    main()
