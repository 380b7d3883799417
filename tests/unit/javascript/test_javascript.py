"""Runs the JavaScript unit tests of this folder in Node."""

import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.parametrize("script", sorted(HERE.glob("*.test.mjs")), ids=lambda path: path.name)
def test_javascript(script: Path):
    done = subprocess.run(["node", "--test", script], capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout
    assert "# fail 0" in done.stdout
    assert "# pass 0" not in done.stdout


def test_declarations_serve_a_stranger():
    compiler = HERE.parents[2] / "node_modules/.bin/tsc"
    done = subprocess.run([compiler, "-p", HERE / "tsconfig.json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
