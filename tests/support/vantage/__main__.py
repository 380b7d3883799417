"""Measure the matrix and write its tables into docs/privacy.md: `make privacy`, and `make privacy-real`.

python -m support.vantage [--seconds 300] [--seed 1] [--print]
python -m support.vantage --real [--seconds 60] [--print]
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from support.vantage import gaps
from support.vantage.matrix import WINDOWS_S, as_table, judge, record_all
from support.vantage.real.measure import CLIENTS, record_real
from support.vantage.record import Record

MODES = {"balanced replies": True, "replies as they come": False}
"""What replies are called, by whether gateways and exit are ours."""
SIMULATED_S, REAL_S = 300.0, 60.0
DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "privacy.md"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m support.vantage")
    parser.add_argument("--real", action="store_true", help="real clients and a real network, on a quiet machine")
    parser.add_argument("--seconds", type=float, help=f"of each activity ({SIMULATED_S:g}, or {REAL_S:g} real ones)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--print", action="store_true", help="leave the document alone")
    arguments = parser.parse_args()
    seconds = arguments.seconds or (REAL_S if arguments.real else SIMULATED_S)
    measured = measure_real(seconds) if arguments.real else measure_simulated(seconds, arguments.seed)
    for title, table in measured:
        text = f"{seconds:g} s of each:\n\n{table}"
        print(f"{title}, {text}\n", flush=True)
        if not arguments.print:
            put(title, text)


def measure_simulated(seconds: float, seed: int) -> Iterator[tuple[str, str]]:
    """The tables, each with the mark that it stands at in the document, as soon as they are there."""
    for name, is_ours in MODES.items():
        yield from matrix_tables(name, record_all(seconds, seed=seed, is_ours=is_ours))


def measure_real(seconds: float) -> Iterator[tuple[str, str]]:
    """The same of real clients, and what their times are like."""
    for client in CLIENTS:
        records = record_real(client, seconds)
        yield f"real runs, {client}, gaps", gaps.as_table(records)
        yield from matrix_tables(f"real runs, {client}", records)


def matrix_tables(name: str, records: dict[str, Record]) -> Iterator[tuple[str, str]]:
    """The matrix of some records, by the length of the windows."""
    matrix = judge(records)
    for window_s in WINDOWS_S:
        yield f"{name}, windows of {window_s:g} s", as_table(matrix, window_s)


def put(name: str, table: str) -> None:
    """Replace the table between a pair of marks in the document."""
    text = DOCUMENT.read_text()
    begin, end = f"<!-- {name} -->", "<!-- end -->"
    if begin not in text:
        sys.exit(f"docs/privacy.md has no mark {begin}")
    DOCUMENT.write_text(re.sub(f"{re.escape(begin)}.*?{end}", f"{begin}\n{table}\n{end}", text, count=1, flags=re.S))


if __name__ == "__main__":
    main()
