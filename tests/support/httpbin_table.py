"""The table in docs/httpbin.md: read, compared, and written again when WRITE_TABLES is set."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from support.httpbin_cases import CASES, Case

PATH = Path(__file__).parents[2] / "docs/httpbin.md"
COLUMNS = ("mixFetch", "MixTransport", "mix fetch")
NOTES = {
    "/cookies/set": "the tunnel has a jar (`cookies`), `mix fetch` has `-c`",
    "/cookies/set/&lt;name&gt;/&lt;value&gt;": "as above",
    "/cookies/delete": "as above",
    "/digest-auth/&lt;qop&gt;/&lt;user&gt;/&lt;passwd&gt;": "the challenge; `httpx.DigestAuth` answers it through "
    "`MixTransport` too",
    "/ip": "the answer differs, as it should: the site sees the exit",
    "/uuid": "another one each time, of the same form",
    "/cache": "its dates and tags are new each time",
}
HEAD = """\
# httpbin through the mixnet

Every endpoint of [httpbin](https://github.com/psf/httpbin), served over TLS, is asked directly by httpx and then
through a whole local mixnet: by `mixFetch` in Chromium, by httpx over `MixTransport`, and by the command `mix fetch`.
"Same" means the same status, final URL, headers and decoded body, for each of so many requests; the command, which is
a process of its own each time, makes the first of them. What cannot be the same is left out: the address that the site
sees, what it draws or dates anew, and headers of one connection (`Connection`, `Content-Length`, …).

`WRITE_TABLES=1 pytest tests/network/test_httpbin.py tests/browser/test_httpbin.py` writes this page; without the
variable the same tests fail when it is not true.

| endpoint | requests | mixFetch | MixTransport | mix fetch | note |
|---|---|---|---|---|---|
"""

Row = dict[str, str]


def summarize(differences: Mapping[Case, str]) -> dict[str, str]:
    """A column: each endpoint's cell."""
    cells: dict[str, list[str]] = {}
    for case, difference in differences.items():
        cells.setdefault(case.rule, []).extend([f"`{case}`: {difference}"] if difference else [])
    return {rule: "; ".join(found) or "same" for rule, found in cells.items()}


def check_column(name: str, cells: Mapping[str, str]) -> None:
    """Fail unless the page says the same; or write it there."""
    rows = _read()
    if os.environ.get("WRITE_TABLES"):
        for rule, cell in cells.items():
            rows.setdefault(rule, {})[name] = cell
        PATH.write_text(_render(rows))
    elsewhere = {rule: row.get(name, "") for rule, row in rows.items()}
    assert elsewhere == dict(cells), f"docs/httpbin.md: the column {name} is not true (WRITE_TABLES=1 writes it again)"


def _read() -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for line in PATH.read_text().splitlines() if PATH.exists() else ():
        if line.startswith("| <code>"):
            endpoint, _, *cells, _ = (cell.strip() for cell in line.strip("|").split("|"))
            rows[endpoint.removeprefix("<code>").removesuffix("</code>")] = dict(zip(COLUMNS, cells, strict=True))
    return rows


def rewritten() -> str:
    """The page with the cells that it has, and all else as it should be."""
    return _render(_read())


def _render(rows: Mapping[str, Row]) -> str:
    counts = Counter(case.rule for case in CASES)
    lines = [
        f"| <code>{rule}</code> | {count} | "
        + " | ".join(rows.get(rule, {}).get(name, "") for name in COLUMNS)
        + f" | {NOTES.get(rule, '')} |\n"
        for rule, count in counts.items()
    ]
    return HEAD + "".join(lines)
