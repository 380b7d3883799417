"""What a worker starts from: in its memory everything pure is imported, nothing compiled, and no two workers share
their randomness; the files beside it are all others of the wheels."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PYODIDE = ROOT / "web/dist/mix-tunnel/pyodide"


@pytest.fixture(scope="module")
def starts() -> list[dict[str, Any]]:
    """What two workers that started from the same snapshot found."""
    subprocess.run([sys.executable, ROOT / "web/build.py"], check=True, capture_output=True)
    command = ["node", Path(__file__).with_name("snapshot.mjs"), ROOT / "web/dist"]
    found = []
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, timeout=140, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        found.append(json.loads(done.stdout.splitlines()[-1]))
    return found


def test_modules_are_imported_and_none_is_compiled(starts: list[dict[str, Any]]):
    modules = set(starts[0]["before"])
    assert {"mix_tunnel.worker.main", "mix_tunnel.tunnel", "mix_protocol.netstack.stack", "h11"} <= modules
    assert modules.isdisjoint({"nacl", "_cffi_backend", "blake3", "msgspec", "ossl", "_oscrypto"})


@pytest.mark.parametrize("source", ["urandom", "random", "nacl", "ssl"])
def test_randomness_is_not_repeated(starts: list[dict[str, Any]], source: str):
    assert starts[0][source] != starts[1][source]


def test_what_is_compiled_works_afterwards(starts: list[dict[str, Any]]):
    # RFC 7748: the public key of the zero scalar once it is clamped.
    assert (
        starts[0]["x25519"] == starts[1]["x25519"] == "2fe57da347cd62431528daac5fbb290730fff684afc4cfc2ed90995f58cb3b74"
    )
    assert starts[0]["sha256"].startswith("e3b0c44298fc1c14")
    assert starts[0]["roots"] > 100_000


def test_openssl_waits_until_it_is_wanted(starts: list[dict[str, Any]]):
    assert starts[0]["early"] == []


def wheels_of(package: str) -> set[Path]:
    """The wheels that a package needs, its own among them, by the lock file."""
    packages = json.loads((PYODIDE / "pyodide-lock.json").read_text())["packages"]
    names, found = [package], set()
    while names:
        entry = packages[names.pop()]
        if PYODIDE / entry["file_name"] not in found:
            found.add(PYODIDE / entry["file_name"])
            names += entry["depends"]
    return found


def test_files_that_are_left_out_are_those_of_imported_modules(starts: list[dict[str, Any]]):
    index = json.loads((PYODIDE / "site-packages.json").read_text())
    present = {name for name, *_ in index["files"] + index["modules"]}
    files = {name for wheel in wheels_of("mix-tunnel") for name in zipfile.ZipFile(wheel).namelist() if name[-1] != "/"}
    imported = {file.partition("/site-packages/")[2] for file in starts[0]["before"].values() if file}
    assert files - present == files & imported
    assert {"certifi/cacert.pem", "nacl/utils.py", "ossl/_ssl_py.py"} <= present
    assert "mix_tunnel/tunnel.py" not in present


def test_modules_that_come_later_have_their_bytecode(starts: list[dict[str, Any]]):
    present = {name for name, _ in json.loads((PYODIDE / "site-packages.json").read_text())["files"]}
    for name in present:
        if name.endswith(".py"):
            folder, _, file = name.rpartition("/")
            assert f"{folder}/__pycache__/{file.removesuffix('.py')}.cpython-314.pyc".lstrip("/") in present
    assert starts[0]["bytecode"].endswith("nacl/__pycache__/utils.cpython-314.pyc")


def integrity_of(file: str) -> str:
    digest = hashlib.sha256((PYODIDE / file).read_bytes()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def test_the_index_has_the_hashes(starts: list[dict[str, Any]]):
    index = json.loads((PYODIDE / "site-packages.json").read_text())
    assert index["integrity"] == integrity_of("site-packages.bin.gz")
    assert {file for _, file, _ in index["modules"]} >= {"ossl._ossl.wasm", "nacl._sodium.wasm", "_brotli.wasm"}
    for _, file, integrity in index["modules"]:
        assert integrity == integrity_of(file)
