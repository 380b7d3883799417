"""Every program in examples/ runs by itself, offline, and says what its docstring promises."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
PROMISES = {
    "dns_records": ["one address: 127.0.0.1", "A 127.0.0.1 for ", "dns.name_not_found"],
    "fetch": ["200 {'you seem to be': '127.0.0.2'", "a piece: ", "given up"],
    "httpx_client": ["/?number=2 127.0.0.2", 'a line: {"line": 4}'],
    "websocket": ["back: message 2", "a ping took", "closed: "],
    "failures": ["dead: 200", "new keys: 200", "the answer is not there", "for a second: 200", "'mix-3-2': "],
    "two_identities": ["work 200", "home 200"],
}


def test_every_example_is_known():
    assert {path.stem for path in EXAMPLES.glob("*.py")} - {"surroundings"} == PROMISES.keys()


@pytest.mark.parametrize("name", PROMISES)
def test_an_example_runs(name: str):
    command = [sys.executable, str(EXAMPLES / f"{name}.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    for promise in PROMISES[name]:
        assert promise in done.stdout
