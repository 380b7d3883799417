"""What is built for Pyodide is complete: everything that is installed comes from there, and nothing is looked for
elsewhere."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DIST = ROOT / "web/dist"
PYODIDE = ROOT / "build/pyodide"


@pytest.fixture(scope="module", autouse=True)
def build() -> None:
    done = subprocess.run([sys.executable, ROOT / "web/build.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def run_offline(directory: Path, *packages: str) -> dict[str, Any]:
    command = ["node", Path(__file__).with_name("offline.mjs"), directory, *packages]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_micropip_resolves_mix_fetch_from_here_alone():
    result = run_offline(PYODIDE, "mix_fetch")
    assert result["attempts"] == []
    assert "error" not in result, result["error"]
    assert {"mix-fetch", "mix-tunnel", "mix-protocol", "h11", "pynacl", "ossl"} <= set(result["installed"])
    assert result["openssl"].startswith("OpenSSL 3.5")


def test_what_is_missing_is_an_attempt_that_would_be_seen(tmp_path: Path):
    broken = tmp_path / "pyodide"
    shutil.copytree(PYODIDE, broken)
    (wheel,) = broken.glob("h11-*.whl")
    wheel.unlink()
    result = run_offline(broken, "mix_fetch")
    assert result["attempts"] or "error" in result


def test_lock_names_exactly_what_lies_beside_it():
    lock = json.loads((PYODIDE / "pyodide-lock.json").read_text())
    packages = lock["packages"]
    assert {entry["file_name"] for entry in packages.values()} == {path.name for path in PYODIDE.glob("*.whl")}
    for name, entry in packages.items():
        assert hashlib.sha256((PYODIDE / entry["file_name"]).read_bytes()).hexdigest() == entry["sha256"], name
        assert set(entry["depends"]) <= set(packages), name


def test_a_second_build_touches_nothing():
    before = {path: path.stat().st_mtime_ns for path in DIST.rglob("*")}
    subprocess.run([sys.executable, ROOT / "web/build.py"], check=True, capture_output=True)
    assert {path: path.stat().st_mtime_ns for path in DIST.rglob("*")} == before


def test_a_browser_can_resolve_every_import():
    """No bare names are left in the JavaScript: without an import map a browser knows none."""
    for path in DIST.rglob("*.js"):
        for line in path.read_text().splitlines():
            if line.startswith(("import ", "export ", "} from")) and " from " in line:
                target = line.split(" from ")[1].strip(" ;\"'")
                assert target.startswith(("./", "../")), f"{path}: {line}"
                assert (path.parent / target).is_file(), f"{path}: {line}"
