"""The compiled wheels: whole, reproducibly named, and right on known answers inside Pyodide."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
WHEELS = ROOT / "build/wheels"


def test_build_is_whole_and_idempotent():
    command = [sys.executable, ROOT / "wasm/build_wheels.py", WHEELS]
    before = (WHEELS / "SHA256SUMS").stat().st_mtime_ns
    subprocess.run(command, check=True, capture_output=True)
    assert (WHEELS / "SHA256SUMS").stat().st_mtime_ns == before
    sums = dict(reversed(line.split()) for line in (WHEELS / "SHA256SUMS").read_text().splitlines())
    assert len(sums) == 6
    for name, digest in sums.items():
        assert hashlib.sha256((WHEELS / name).read_bytes()).hexdigest() == digest


def test_build_info_pins_what_was_compiled():
    info = json.loads((WHEELS / "build-info.json").read_text())
    assert (
        info["pyodide"] == f"pyodide@{json.loads((ROOT / 'node_modules/pyodide/package.json').read_text())['version']}"
    )
    assert {entry["package"] for entry in info["debian"]} >= {"openssl", "python3.13"}
    for entry in info["debian"]:
        assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in entry["files"].values())


def test_known_answers_in_pyodide():
    command = ["node", ROOT / "wasm/check_wheels.mjs", WHEELS, ROOT / "node_modules/pyodide"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"^(\d+) passed, 0 failed$", done.stdout, re.MULTILINE)
    assert passed is not None, done.stdout
    assert int(passed[1]) > 100
