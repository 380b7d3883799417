"""Measure the matrix and write its tables into docs/privacy.md: `make privacy`, and `make privacy-real`.

python -m support.vantage [--seconds 300] [--seed 1] [--print]
python -m support.vantage --real [--seconds 100] [--print]
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from support.vantage import gaps
from support.vantage.matrix import WINDOWS_S, as_table, judge, record_all
from support.vantage.real.measure import CLIENTS, record_real
from support.vantage.record import Record

MODES = {"balanced replies": True, "replies as they come": False}
"""What replies are called, by whether gateways and exit are ours."""
SIMULATED_S, REAL_S = 300.0, 100.0
DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "privacy.md"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m support.vantage")
    parser.add_argument("--real", action="store_true", help="real clients and a real network, on a quiet machine")
    parser.add_argument("--seconds", type=float, help=f"of each activity ({SIMULATED_S:g}, or {REAL_S:g} real ones)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--print", action="store_true", help="leave the document alone")
    arguments = parser.parse_args()
    seconds = arguments.seconds or (REAL_S if arguments.real else SIMULATED_S)
    tables: dict[str, str] = {}
    if arguments.real:
        for client in CLIENTS:
            records = record_real(client, seconds)
            tables |= matrix_tables(f"real runs, {client}", records, seconds)
            tables[f"real runs, {client}, gaps"] = f"{seconds:g} s of each:\n\n{gaps.as_table(records)}"
    else:
        for name, is_ours in MODES.items():
            records = record_all(seconds, seed=arguments.seed, is_ours=is_ours)
            tables |= matrix_tables(name, records, seconds)
    for title, table in tables.items():
        print(f"{title}, {table}\n", flush=True)
        if not arguments.print:
            put(title, table)


def matrix_tables(name: str, records: dict[str, Record], seconds: float) -> dict[str, str]:
    """The tables of some records, by the marks between which they stand in the document."""
    matrix = judge(records)
    return {
        f"{name}, windows of {window_s:g} s": f"{seconds:g} s of each:\n\n{as_table(matrix, window_s)}"
        for window_s in WINDOWS_S
    }


def put(name: str, table: str) -> None:
    """Replace the table between a pair of marks in the document."""
    text = DOCUMENT.read_text()
    begin, end = f"<!-- {name} -->", "<!-- end -->"
    if begin not in text:
        sys.exit(f"docs/privacy.md has no mark {begin}")
    DOCUMENT.write_text(re.sub(f"{re.escape(begin)}.*?{end}", f"{begin}\n{table}\n{end}", text, count=1, flags=re.S))


if __name__ == "__main__":
    main()
