"""Write what `make bench` measured side by side, and of nodes, into docs/performance.md: `make bench-docs`.

    python -m bench.docs [--input build/bench.json]

Tables whose cells were not measured stay as they are.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from bench import nodes
from bench.marks import NoMark, put
from bench.side_by_side.report import tables

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs/performance.md"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.docs", description="Write docs/performance.md.")
    parser.add_argument("--input", type=Path, default=ROOT / "build/bench.json")
    arguments = parser.parse_args()
    results = json.loads(arguments.input.read_text()) if arguments.input.is_file() else {}
    written = tables(results["side_by_side"]) if "side_by_side" in results else {}
    if "nodes" in results:
        written["nodes"] = nodes.table(results["nodes"])
    if not written:
        sys.exit(f"bench: {arguments.input} has no figures for it: python -m bench --only side_by_side nodes")
    text = DOCUMENT.read_text()
    try:
        for name, table in written.items():
            text = put(text, name, table)
    except NoMark as error:
        sys.exit(f"bench: {DOCUMENT}: {error}")
    DOCUMENT.write_text(text)


if __name__ == "__main__":
    main()
