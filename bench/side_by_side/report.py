"""What was measured, as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.side_by_side.measurement import AHEAD, Aim, Row
from bench.side_by_side.rows import all_rows

_SMALLEST_FILE = 20_000
"""Smaller ones are put together."""
_BROTLI_AIM = Aim(most=6_000_000)


def tables(results: Mapping[str, Any]) -> dict[str, str]:
    """Every table, by the name that it has in docs/performance.md."""
    cells = {f"{cell['link']}, cover {cell['cover']}": cell for cell in results["cells"]}
    return {
        "machine": machine(results["measured"]),
        **{name: cell_table(cell) for name, cell in cells.items()},
        "loaded": loaded_tables(results["loaded"]),
        "rows": rows_table(),
    }


def machine(measured: Mapping[str, Any]) -> str:
    """One paragraph."""
    published = ", ".join(f"`@nymproject/{name}` {version}" for name, version in measured["published"].items())
    return (
        f"Measured on {measured['date']} at commit {measured['commit']}: {measured['cores']} cores "
        f"({measured['processor']}), {measured['system']}, Chromium {measured['chromium']}; theirs is {published}."
    )


def cell_table(cell: Mapping[str, Any]) -> str:
    """The rows of one cell, and below them what failed and which aims were missed."""
    load = sorted(cell["load"])
    lines = [
        f"Load average during the run: {load[0]:.1f} to {load[-1]:.1f}. Medians, in brackets least and most.",
        "",
        "| | unit | ours | theirs | ours ÷ theirs | aim |",
        "|---|---|---|---|---|---|",
    ]
    missed = []
    for row in all_rows():
        if (figures := cell["rows"].get(row.key)) is None:
            continue
        aim = aim_of(row, cell)
        is_met = meets(aim, figures)
        told = "–" if figures["ratio"] is None else f"{figures['ratio']:.2f}"
        lines.append(
            f"| {row.name} | {row.unit} | {figure(figures['ours'])} | {figure(figures['theirs'])} "
            f"| {told} | {aim.text(row.unit)}{_MARKS[is_met]} |"
        )
        if is_met is False and aim.reason:
            missed.append(f"- *{row.name}*: {aim.reason}")
    failures = failure_lines(cell["failures"])
    return "\n".join([*lines, *_paragraph("Why aims were missed:", missed), *_paragraph("What failed:", failures)])


_MARKS = {True: " ✓", False: " ✗", None: ""}


def _paragraph(title: str, lines: Sequence[str]) -> list[str]:
    return ["", title, "", *lines] if lines else []


def failure_lines(failures: Iterable[Mapping[str, str]]) -> list[str]:
    """What went wrong how often."""
    names = {row.key: row.name for row in all_rows()}
    counts: dict[tuple[str, str, str], int] = {}
    for failure in failures:
        key = (failure["client"], names.get(failure["row"], failure["row"]), failure["why"])
        counts[key] = counts.get(key, 0) + 1
    return [f"- {client}, {name}: {why} ({count} ×)" for (client, name, why), count in counts.items()]


def aim_of(row: Row, cell: Mapping[str, Any]) -> Aim:
    """The row's own on plain links without cover (and where it is no ratio); elsewhere to be ahead is the aim."""
    is_where_it_was_set = cell["link"] == "plain" and (cell["cover"] == "off" or row.aim.most is not None)
    return row.aim if is_where_it_was_set else AHEAD


def meets(aim: Aim, figures: Mapping[str, Any]) -> bool | None:
    """Whether the aim is met; None where that can't be said."""
    if aim.ratio is not None:
        return None if figures["ratio"] is None else figures["ratio"] <= aim.ratio
    return None if figures["ours"] is None else figures["ours"]["median"] <= aim.most


def figure(summary: Mapping[str, float] | None) -> str:
    """Median, and least and most."""
    if summary is None:
        return "–"
    middle, least, most = (number(summary[name]) for name in ("median", "min", "max"))
    return middle if summary["rounds"] == 1 else f"{middle} ({least} to {most})"


def number(value: float) -> str:
    """With three digits at least that say something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def loaded_tables(loaded: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """What each client's first visit loads: sums side by side, then ours by file."""
    sums = {client: _sums(files) for client, files in loaded.items()}
    lines = ["| bytes until the first byte | ours | theirs | ours ÷ theirs | aim |", "|---|---|---|---|---|"]
    for kind, title in _KINDS.items():
        ours, theirs = sums["ours"][kind], sums["theirs"][kind]
        aim = f"{_BROTLI_AIM.most:,.0f}" if kind == "brotli" else ""
        lines.append(f"| {title} | {ours:,} | {theirs:,} | {ours / theirs:.2f} | {f'≤ {aim}' if aim else ''} |")
    for client, files in loaded.items():
        lines += ["", f"| {client}, by file | raw | gzip | Brotli | as served |", "|---|---|---|---|---|"]
        small = [file for file in files if file["raw"] < _SMALLEST_FILE]
        lines += [_file_line(f"`{file['path']}`", file) for file in files if file not in small]
        if small:
            lines.append(_file_line(f"{len(small)} smaller ones", _sums(small)))
    return "\n".join(lines)


_KINDS = {"raw": "raw", "gzip": "gzip", "brotli": "Brotli", "sent": "as served"}


def _sums(files: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    return {kind: sum(file[kind] for file in files) for kind in _KINDS}


def _file_line(name: str, file: Mapping[str, Any]) -> str:
    return f"| {name} | " + " | ".join(f"{file[kind]:,}" for kind in _KINDS) + " |"


def rows_table() -> str:
    """How each row is measured."""
    lines = ["| row | how |", "|---|---|"]
    return "\n".join(lines + [f"| {row.name} | {row.how} |" for row in all_rows()])
