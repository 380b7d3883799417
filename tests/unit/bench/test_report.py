"""Tables of what was measured."""

from __future__ import annotations

from typing import Any

import pytest
from bench.docs import DOCUMENT
from bench.marks import put
from bench.side_by_side import describe
from bench.side_by_side.cell import COVERS, LINKS, Cell
from bench.side_by_side.report import cell_table, failure_lines, loaded_tables, number, tables
from bench.side_by_side.rounds import Turn
from bench.side_by_side.rows import all_rows

PLAIN = Cell("plain", "off")
FILE = {"path": "/big.wasm", "raw": 100_000, "gzip": 50_000, "brotli": 40_000, "sent": 50_000}
MACHINE = {
    "date": "2030-01-02",
    "cores": 2,
    "processor": "a processor",
    "system": "a system",
    "chromium": "1.2",
    "published": {"mix-fetch": "2.1.1"},
    "commit": "abcdef0",
}


def turn(client: Any, cell: Cell = PLAIN, **figures: float) -> Turn:
    return Turn(client, cell, None, 0, print, figures=figures, load=1.5)  # type: ignore[arg-type]


def lines_of(table: str, name: str) -> list[str]:
    return [line for line in table.splitlines() if line.startswith(f"| {name} |")]


def test_every_row_has_a_key_and_a_name_of_its_own():
    rows = all_rows()
    assert len({row.key for row in rows}) == len({row.name for row in rows}) == len(rows)
    assert all(row.how and row.unit for row in rows)


def test_a_row_has_medians_bounds_ratio_and_aim():
    turns = [turn("ours", setup_ms=1000.0), turn("ours", setup_ms=1200), turn("theirs", setup_ms=2200)]
    table = cell_table(describe(PLAIN, turns))
    assert lines_of(table, "set-up") == ["| set-up | ms | 1,100 (1,000 to 1,200) | 2,200 | 0.50 | ≤ 1 × ✓ |"]


def test_an_aim_that_was_missed_is_marked():
    table = cell_table(describe(PLAIN, [turn("ours", warm_p50_ms=8), turn("theirs", warm_p50_ms=10)]))
    assert lines_of(table, "warm fetch p50") == ["| warm fetch p50 | ms | 8 | 10 | 0.80 | ≤ 0.7 × ✗ |"]


def test_sharper_aims_are_for_plain_links_without_cover():
    cell = Cell("home", "on")
    turns = [turn("ours", cell, warm_p50_ms=8), turn("theirs", cell, warm_p50_ms=10)]
    assert lines_of(cell_table(describe(cell, turns)), "warm fetch p50")[0].endswith("| 0.80 | ≤ 1 × ✓ |")


def test_an_aim_in_the_rows_own_unit_needs_no_other_client():
    table = cell_table(describe(PLAIN, [turn("ours", byte_first_ms=900.0)]))
    assert lines_of(table, "page → first byte, first visit")[0].endswith("| 900 | – | – | ≤ 1000 ms ✓ |")


def test_a_row_that_failed_loses_no_other():
    failing = turn("theirs", setup_ms=10)
    failing.failures["up_ms"] = "Error: not done after 60 s"
    cell = describe(PLAIN, [turn("ours", setup_ms=5, up_ms=1000), failing])
    table = cell_table(cell)
    assert lines_of(table, "1 MB up")[0].startswith("| 1 MB up | ms | 1,000 | – | – |")
    assert lines_of(table, "set-up")
    assert "- theirs, 1 MB up: Error: not done after 60 s (1 ×)" in table


def test_equal_failures_are_counted():
    failure = {"client": "ours", "row": "setup_ms", "why": "no"}
    assert failure_lines([failure, failure]) == ["- ours, set-up: no (2 ×)"]


def test_small_files_are_put_together():
    small = {**FILE, "path": "/small.js", "raw": 10, "gzip": 9, "brotli": 8, "sent": 10}
    table = loaded_tables({"ours": [FILE, small, small], "theirs": [FILE]})
    assert lines_of(table, "2 smaller ones") == ["| 2 smaller ones | 20 | 18 | 16 | 20 |"]
    assert lines_of(table, "raw") == ["| raw | 100,020 | 100,000 | 1.00 |  |"]


@pytest.mark.parametrize(
    ("value", "text"), [(1234.5, "1,234"), (99.96, "100"), (12.34, "12.3"), (0.012345, "0.0123"), (0, "0")]
)
def test_numbers_have_digits_that_say_something(value: float, text: str):
    assert number(value) == text


def test_the_document_has_a_place_for_every_table():
    cells = [describe(Cell(link, cover), []) for link in LINKS for cover in COVERS]
    results = {
        "measured": MACHINE,
        "cells": [{**cell, "load": [1.0]} for cell in cells],
        "loaded": {"ours": [FILE], "theirs": [FILE]},
    }
    text = DOCUMENT.read_text()
    for name, table in tables(results).items():
        text = put(text, name, table)
    assert "Not measured yet" not in text
