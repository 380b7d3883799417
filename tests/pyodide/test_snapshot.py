"""The memory snapshot: everything pure is imported, nothing compiled, and no two workers share their randomness."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


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
