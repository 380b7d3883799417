"""Measure the matrix and write its tables into docs/privacy.md: `make privacy`.

python -m support.vantage [--seconds 600] [--seed 1] [--print]
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from support.vantage.matrix import WINDOWS_S, as_table, judge, record_all

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "privacy.md"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m support.vantage")
    parser.add_argument("--seconds", type=float, default=600.0, help="virtual seconds of each activity")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--print", action="store_true", help="leave the document alone")
    arguments = parser.parse_args()
    matrix = judge(record_all(arguments.seconds, seed=arguments.seed))
    for window_s in WINDOWS_S:
        table = as_table(matrix, window_s)
        print(f"windows of {window_s:g} s\n\n{table}\n")
        if not arguments.print:
            put(f"defaults, {window_s:g} s", table)


def put(name: str, table: str) -> None:
    """Replace the table between a pair of marks in the document."""
    text = DOCUMENT.read_text()
    begin, end = f"<!-- {name} -->", "<!-- end -->"
    if begin not in text:
        sys.exit(f"docs/privacy.md has no mark {begin}")
    DOCUMENT.write_text(re.sub(f"{re.escape(begin)}.*?{end}", f"{begin}\n{table}\n{end}", text, count=1, flags=re.S))


if __name__ == "__main__":
    main()
