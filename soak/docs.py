"""Write what `make soak` found into docs/reliability.md: `python -m soak.docs`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from bench.marks import NoMark, put

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs/reliability.md"
RESULTS = {"soak": ROOT / "build/soak.json", "soak of programs": ROOT / "build/soak-programs.json"}
"""By the place in the document."""


def table(results: dict[str, Any]) -> str:
    """One sentence, a row for each fault, and what the processes took."""
    typed = ", ".join(f"{count} `{code}`" for code, count in results["typed"].items()) or "none"
    whole = (
        f"{results['clients']} clients in {results['seconds']:.0f} s made {results['transfers']:,} transfers "
        f"({results['megabytes']:.0f} MB): {results['right']:,} right, {len(results['forbidden'])} wrong, late or "
        f"without a typed error; typed errors: {typed}."
    )
    head = ["what happened", "for", "transfers right", "typed error", "half of the clients again", "all of them"]
    rows = [_cells(head), _cells(["---"] * len(head))]
    for row in results["rows"]:
        times = [f"{time:.1f} s" if time is not None else "never" for time in (row["median_s"], row["slowest_s"])]
        lasts = f"{row['lasts_s']:g} s" if row["verb"] != "rotate-keys" else ""
        rows.append(_cells([row["kind"], lasts, str(row["right"]), str(row["typed"]), *times]))
    return "\n".join([whole, "", *rows, "", _processes(results)])


def _processes(results: dict[str, Any]) -> str:
    head = ["process", "memory in each third of the run", "open files"]
    rows = [_cells(head), _cells(["---"] * len(head))]
    for name, memory in results["memory_mb"].items():
        files = results["descriptors"][name]
        rows.append(_cells([name, " · ".join(f"{mb:.0f}" for mb in memory) + " MB", " · ".join(map(str, files))]))
    return "\n".join(rows)


def _cells(values: list[str]) -> str:
    return f"| {' | '.join(values)} |"


def main() -> None:
    """Write the sections of the runs that there are."""
    found = {name: path for name, path in RESULTS.items() if path.is_file()}
    if not found:
        sys.exit("soak: nothing was run yet; run make soak first")
    text = DOCUMENT.read_text()
    for name, path in found.items():
        try:
            text = put(text, name, table(json.loads(path.read_text())))
        except NoMark as error:
            sys.exit(f"soak: {DOCUMENT}: {error}")
    DOCUMENT.write_text(text)


if __name__ == "__main__":
    main()
