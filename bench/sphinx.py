"""Runs sphinx_speed.py in a process of its own: in CPython, and in Pyodide under Node."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


Figures = dict[str, dict[str, float]]
"""Operations a second: in Python, compiled, and the ratio."""


def measure_native() -> Figures:
    """With the native provider."""
    return _run([sys.executable, str(HERE / "sphinx_speed.py")])


def measure_in_pyodide() -> Figures:
    """With the worker's provider, from the wheels of web/dist."""
    return _run(["node", str(HERE / "sphinx_in_pyodide.mjs")])


def _run(command: list[str]) -> Figures:
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    result: dict[str, Figures] = json.loads(output.splitlines()[-1])
    return result["per_second"]
