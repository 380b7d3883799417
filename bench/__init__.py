"""Measures; nothing here passes or fails. `make bench` writes build/bench.json."""

import sys
from pathlib import Path

# Servers and browser are the tests' own.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
