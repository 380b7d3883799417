"""Pyodide's TLS takes sessions up again as the native one does, and checks host names all the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.tls_server import authority, certificate, pem_of

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
PROGRAM = HERE / "exercise_tls_sessions.py"
WRONG_HOST = 62  # X509_V_ERR_HOSTNAME_MISMATCH
RUN = "import json, sys; globals().update(json.load(open(sys.argv[2]))); exec(open(sys.argv[1]).read())"


@pytest.fixture
def values(tmp_path: Path) -> Path:
    leaf = certificate("demo.test")
    file = tmp_path / "globals.json"
    values = {
        "SERVER": leaf.private_key_and_cert_chain_pem.bytes().decode(),
        "AUTHORITY": pem_of(authority()),
        "SOURCE": (ROOT / "packages/mix_tunnel/src/mix_tunnel/runtime/tls_sessions.py").read_text(),
    }
    file.write_text(json.dumps(values))
    return file


@pytest.mark.parametrize("where", ["native", "Pyodide"])
def test_sessions(where: str, values: Path, tmp_path: Path):
    natively = [sys.executable, "-c", RUN, PROGRAM, values]
    inside = ["node", HERE / "run_with_ssl.mjs", ROOT / "node_modules/pyodide", ROOT / "build/wheels", PROGRAM, values]
    command = natively if where == "native" else inside
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads(done.stdout.splitlines()[-1])
    assert results == {version: [False, True, WRONG_HOST, True] for version in ("TLSv1_2", "TLSv1_3")}
