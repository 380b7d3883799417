"""The lines by which our documents tell how to install us: they work from a clone, and ask nobody for our names."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from support.readme import ROOT

DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "packages/**/*.md", "examples/*.md", "web/*.md")
    for path in ROOT.glob(pattern)
    if "node_modules" not in path.parts
)
LINE = re.compile(r"(?:^|`)((?:pip|npm) install [^`\n]*|npx [^`\n]*)", re.MULTILINE)
LINES = sorted({line.partition(" #")[0].strip() for path in DOCUMENTS for line in LINE.findall(path.read_text())})
PIP_LINES = [line for line in LINES if line.startswith("pip")]


def test_there_are_such_lines():
    assert len(PIP_LINES) >= 5
    assert any(line.startswith("npm") for line in LINES)
    assert any(line.startswith("npx") for line in LINES)


@pytest.mark.parametrize("line", LINES)
def test_a_line_asks_no_registry_for_our_names(line: str):
    program, *arguments = shlex.split(line)
    if program == "npx":
        assert arguments[0] == "--no-install"
        return
    ours = [argument for argument in arguments if re.search(r"\bmix[_-]", argument)]
    assert all(argument.startswith(("./packages/", "build/dist/")) for argument in ours), "our packages are paths"
    # What a package of ours needs of ours is on the same line, or it would be asked for by its name.
    named = {Path(argument.partition("[")[0]).name for argument in ours}
    for name in named & {path.parent.name for path in ROOT.glob("packages/*/pyproject.toml")}:
        needs = re.findall(r'"(mix_\w+)', (ROOT / f"packages/{name}/pyproject.toml").read_text())
        assert set(needs) <= named, f"{name} needs {needs}"


@pytest.mark.parametrize("line", PIP_LINES)
def test_pip_finds_what_a_line_names(line: str):
    arguments = shlex.split(line)[1:]
    told = ["--disable-pip-version-check", "--dry-run", "--no-deps", "--no-build-isolation", "--no-index"]
    command = [sys.executable, "-m", "pip", *arguments, *told]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "does not provide the extra" not in done.stderr
