#!/usr/bin/env python3
"""Writes the tables of options in our Markdown files from the source, so that they can't tell anything else.

A table stands between two comments, of which the first says where it comes from:

    <!-- table: typescript packages/mix_fetch/js/index.d.ts MixFetchInit -->
    <!-- table: python mix_tunnel.options TunnelOptions -->
    <!-- table: function mix_fetch.fetching mix_fetch -->
    <!-- table: errors packages/mix_tunnel/js/errors.generated.js NetworkFailure -->
    <!-- table: source packages/mix_fetch/js/index.d.ts all -->
    <!-- table: metrics mix_network.node.prometheus METRICS -->
    <!-- table: snapshot tests/simulation/tunnel/snapshots/slow_links.md rows -->
    <!-- end of table -->

    tables.py           write the tables again
    tables.py --check   exit with 1 when one is out of date
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.util
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_TABLE = re.compile(r"(<!-- table: (\w+) (\S+) (\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)
_PARTS = {"node": "every node", "gateway": "gateways", "exit": "exits"}
_ERROR = re.compile(r'/\*\* (.*?) \*/\nexport class (\w+) extends (\w+) \{\n  static code = "(.*?)";')
_ARGUMENT = re.compile(r"^(\w+(?:, \w+)*) -- (.*(?:\n +.*)*)", re.MULTILINE)
_MEMBER = re.compile(r"/\*\*(?P<text>.*?)\*/\s*(?:readonly )?(?P<name>\w+)\??:\s*(?P<type>.*?);\n", re.DOTALL)


class NotFound(Exception):
    """A table's source is not where its comment says."""


@dataclass(frozen=True)
class Row:
    """One option."""

    name: str
    kind: str
    default: str
    text: str


def markdown_files() -> Iterator[Path]:
    """Every Markdown file that may hold a table."""
    yield from ROOT.glob("packages/*/README.md")
    yield from ROOT.glob("packages/*/js/README.md")
    yield from (ROOT / "docs").rglob("*.md")


def read_typescript(source: str, interface: str) -> list[Row]:
    """The members of an interface in a declaration file, with their comments."""
    code = (ROOT / source).read_text()
    found = re.search(rf"export interface {interface}\b[^{{]*{{\n(.*?)\n}}", code, re.DOTALL)
    if found is None:
        raise NotFound(f"{source} has no interface {interface}")
    rows = []
    for member in _MEMBER.finditer(found[1] + "\n"):
        text = " ".join(line.strip().lstrip("*").strip() for line in member["text"].splitlines()).strip()
        kind = re.sub(r"\s*\|\s*undefined", "", " ".join(member["type"].split()))
        rows.append(Row(member["name"], kind, "", text))
    return rows


def read_python(module: str, name: str) -> list[Row]:
    """The fields of a dataclass, with the texts below them."""
    tree = _parse(module)
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    if not classes:
        raise NotFound(f"{module} has no class {name}")
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return list(_fields(classes[0].body, constants))


def read_function(module: str, name: str) -> list[Row]:
    """The keyword-only arguments of a function or class, with what its docstring says of them ("name -- text")."""
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = [node for node in _parse(module).body if isinstance(node, (*definitions, ast.ClassDef))]
    documented = next((node for node in found if node.name == name), None)
    body = documented.body if isinstance(documented, ast.ClassDef) else [documented]
    function = next((node for node in body if isinstance(node, definitions) and node.name in (name, "__init__")), None)
    if documented is None or function is None:
        raise NotFound(f"{module} has no function {name}")
    texts = {
        argument.strip(): " ".join(text.split())
        for names, text in _ARGUMENT.findall(ast.get_docstring(documented) or "")
        for argument in names.split(",")
    }
    arguments = zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    return [
        Row(
            argument.arg,
            ast.unparse(argument.annotation) if argument.annotation else "",
            ast.unparse(default) if default else "",
            texts.get(argument.arg, ""),
        )
        for argument, default in arguments
    ]


def _parse(module: str) -> ast.Module:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise NotFound(f"there is no module {module}")
    return ast.parse(Path(spec.origin).read_text())


def _fields(body: list[ast.stmt], constants: dict[str, ast.expr]) -> Iterator[Row]:
    for field, following in zip(body, [*body[1:], ast.Pass()], strict=True):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        text = ""
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            text = " ".join(str(following.value.value).split())
        default = field.value
        if isinstance(default, ast.Name):
            default = constants.get(default.id, default)
        if isinstance(default, ast.Call) and ast.unparse(default.func) == "field":
            default = None  # says how the field is kept, not what it is by default
        yield Row(field.target.id, ast.unparse(field.annotation), ast.unparse(default) if default else "", text)


def read_errors(source: str, kind: str) -> list[Row]:
    """The error classes of one kind, from the generated JavaScript."""
    parents, rows = {}, []
    for text, name, parent, code in _ERROR.findall((ROOT / source).read_text()):
        parents[name] = parent
        ancestor = name
        while ancestor in parents and ancestor != kind:
            ancestor = parents[ancestor]
        if ancestor == kind and name != kind:
            rows.append(Row(code, name, "", text))
    if not rows:
        raise NotFound(f"{source} has no errors of the kind {kind}")
    return sorted(rows, key=lambda row: row.name)


def read_metrics(module: str, name: str) -> str:
    """What a node tells Prometheus, as a table."""
    lines = ["| metric | | of | |", "|---|---|---|---|"]
    for told in getattr(importlib.import_module(module), name):
        label = f"{{{told.label}}}" if told.label is not None else ""
        lines.append(f"| `{told.name}{label}` | {told.kind} | {_PARTS[told.part]} | {told.what} |")
    return "\n".join(lines) + "\n"


def read_snapshot(source: str) -> str:
    """The table in a file that a test compares its results with."""
    lines = [line for line in (ROOT / source).read_text().splitlines() if line.startswith("|")]
    if not lines:
        raise NotFound(f"{source} has no table")
    return "\n".join(lines) + "\n"


def render(rows: Iterable[Row], first: str = "option", second: str = "type") -> str:
    """A Markdown table."""
    rows = list(rows)
    with_default = any(row.default for row in rows)
    head = [first, second, *(["default"] if with_default else []), ""]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row in rows:
        cells = [
            f"`{row.name}`",
            f"`{row.kind}`",
            *([f"`{row.default}`" * bool(row.default)] if with_default else []),
            row.text,
        ]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def fill(text: str) -> str:
    """A Markdown file's text with its tables written anew."""

    def replace(match: re.Match[str]) -> str:
        begin, language, source, name, end = match.groups()
        match language:
            case "typescript":
                table = render(read_typescript(source, name))
            case "python":
                table = render(read_python(source, name))
            case "function":
                table = render(read_function(source, name))
            case "errors":
                table = render(read_errors(source, name), "code", "class")
            case "source":
                table = f"```typescript\n{(ROOT / source).read_text()}```\n"
            case "metrics":
                table = read_metrics(source, name)
            case "snapshot":
                table = read_snapshot(source)
            case _:
                raise NotFound(f"a table can't come from {language}")
        return begin + table + end

    return _TABLE.sub(replace, text)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the tables of options in Markdown files from the source.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when a table is out of date")
    arguments = parser.parse_args()
    stale = []
    for path in markdown_files():
        old = path.read_text()
        try:
            new = fill(old)
        except NotFound as error:
            sys.exit(f"{path.relative_to(ROOT)}: {error}")
        if new != old:
            stale.append(path)
            if not arguments.check:
                path.write_text(new)
    for path in stale:
        print(path.relative_to(ROOT), "is out of date: run make tables" if arguments.check else "written")
    sys.exit(1 if stale and arguments.check else 0)


if __name__ == "__main__":
    main()
