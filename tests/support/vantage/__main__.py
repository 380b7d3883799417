"""Measure the matrix and write its tables into docs/privacy.md: `make privacy`.

python -m support.vantage [--seconds 300] [--seed 1] [--print]
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from support.vantage.matrix import WINDOWS_S, as_table, judge, record_all

MODES = {"balanced replies": True, "replies as they come": False}
"""What replies are called, by whether gateways and exit are ours."""
DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "privacy.md"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m support.vantage")
    parser.add_argument("--seconds", type=float, default=300.0, help="virtual seconds of each activity")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--print", action="store_true", help="leave the document alone")
    arguments = parser.parse_args()
    for name, is_ours in MODES.items():
        matrix = judge(record_all(arguments.seconds, seed=arguments.seed, is_ours=is_ours))
        for window_s in WINDOWS_S:
            title = f"{name}, windows of {window_s:g} s"
            table = f"{arguments.seconds:g} s of each:\n\n{as_table(matrix, window_s)}"
            print(f"{title}, {table}\n", flush=True)
            if not arguments.print:
                put(title, table)


def put(name: str, table: str) -> None:
    """Replace the table between a pair of marks in the document."""
    text = DOCUMENT.read_text()
    begin, end = f"<!-- {name} -->", "<!-- end -->"
    if begin not in text:
        sys.exit(f"docs/privacy.md has no mark {begin}")
    DOCUMENT.write_text(re.sub(f"{re.escape(begin)}.*?{end}", f"{begin}\n{table}\n{end}", text, count=1, flags=re.S))


if __name__ == "__main__":
    main()
