"""The tables of options: read from declarations and dataclasses, written between their comments."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "release"))

import tables  # noqa: E402

DECLARATIONS = """
export interface Other {
  /** Not asked for. */
  no?: string;
}
export interface Options extends Other {
  /** One line. */
  first?: string | undefined;
  /**
   * Two
   * lines | and a bar.
   */
  second: number | readonly string[];
}
"""

ERRORS = """
/** A kind. */
export class Kind extends MixError {
  static code = "kind";
}

/** Something special. */
export class Special extends Kind {
  static code = "layer.special";
}

/** Of another kind. */
export class Other extends MixError {
  static code = "other";
}
"""


@pytest.fixture
def declarations(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    (tmp_path / "index.d.ts").write_text(DECLARATIONS)
    (tmp_path / "errors.js").write_text(ERRORS)
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    return "index.d.ts"


def test_an_interface(declarations: str):
    first, second = tables.read_typescript(declarations, "Options")
    assert (first.name, first.kind, first.text) == ("first", "string", "One line.")
    assert (second.name, second.kind, second.text) == ("second", "number | readonly string[]", "Two lines | and a bar.")


def test_a_dataclass_with_its_defaults():
    rows = {row.name: row for row in tables.read_python("mix_tunnel.options", "TunnelOptions")}
    assert rows["max_redirects"].default == "5"
    assert rows["directory_url"].default.startswith("'https://"), "a constant is told by its value"
    assert all(row.text for row in rows.values())


def test_the_options_of_a_function():
    rows = {row.name: row for row in tables.read_function("mix_dns.lookups", "mix_dns")}
    assert list(rows) == ["timeout_s", "use_cache", "tunnel"]
    assert (rows["use_cache"].kind, rows["use_cache"].default) == ("bool", "True")
    assert all(row.text for row in rows.values())


def test_the_options_of_a_class_that_is_called_like_a_function():
    rows = {row.name: row for row in tables.read_function("mix_websocket.connecting", "connect")}
    assert (rows["max_size"].default, rows["open_timeout"].kind) == ("2 ** 20", "float | None")
    assert all(row.text for row in rows.values())


def test_an_argument_told_over_two_lines_and_two_told_together():
    rows = {row.name: row for row in tables.read_function("mix_fetch.fetching", "mix_fetch")}
    assert rows["credentials"].text.endswith("a tunnel has a jar only with the option `cookies`")
    together = {row.name: row.text for row in tables.read_function("mix_dns.lookups", "resolve")}
    assert together["timeout_s"] == together["tunnel"] != ""


def test_errors_of_one_kind(declarations: str):
    assert [(row.name, row.kind, row.text) for row in tables.read_errors("errors.js", "Kind")] == [
        ("layer.special", "Special", "Something special.")
    ]


def test_a_table_is_written_between_its_comments(declarations: str):
    text = "before\n<!-- table: typescript index.d.ts Options -->\nold\n<!-- end of table -->\nafter\n"
    filled = tables.fill(text)
    assert filled.startswith("before\n<!-- table:")
    assert filled.endswith("<!-- end of table -->\nafter\n")
    assert "| `second` | `number \\| readonly string[]` | Two lines \\| and a bar. |" in filled
    assert "old" not in filled
    assert tables.fill(filled) == filled


def test_a_snapshot_gives_its_table_alone(declarations: str):
    (tables.ROOT / "kept.md").write_text("# Title\n\ntext\n\n| a |\n|---|\n| 1 |\n")
    assert tables.read_snapshot("kept.md") == "| a |\n|---|\n| 1 |\n"


@pytest.mark.parametrize(
    "comment",
    [
        "typescript index.d.ts Missing",
        "python mix_tunnel.options Missing",
        "python mix_tunnel.missing Options",
        "function mix_dns.lookups missing",
        "errors errors.js Missing",
        "rust index.d.ts Options",
        "snapshot errors.js rows",
    ],
)
def test_a_missing_source_is_named(declarations: str, comment: str):
    with pytest.raises(tables.NotFound):
        tables.fill(f"<!-- table: {comment} -->\n<!-- end of table -->")


def test_the_tables_in_the_tree_are_up_to_date():
    for path in tables.markdown_files():
        text = path.read_text()
        assert tables.fill(text) == text, f"{path} is out of date: run make tables"
