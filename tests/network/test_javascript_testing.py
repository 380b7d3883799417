"""The npm package that starts a network for JavaScript test runners."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.processes import BIN
from support.waiting import PATIENCE_S, until

from mix_network.control.place import running_names

HERE = Path(__file__).parent
RUN = HERE.parents[1] / "packages/mix_network/js/run.mjs"


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=3 * PATIENCE_S, check=False)


def test_it_starts_commands_and_ends_a_network():
    done = run("node", "--test", str(HERE / "javascript_testing.test.mjs"))
    assert done.returncode == 0, done.stdout
    assert "# fail 0" in done.stdout
    assert running_names() == []


def test_a_command_runs_beside_a_network_of_its_own():
    read = (
        "import os, urllib.request as r; print(r.urlopen(os.environ['MIX_DIRECTORY_URL'] + '/v1/epoch/current').status)"
    )
    done = run("node", str(RUN), "--mixes", "3x2", "--", sys.executable, "-c", f"{read}; raise SystemExit(7)")
    assert (done.returncode, done.stdout) == (7, "200\n"), done.stderr
    assert running_names() == []
    wrong = run("node", str(RUN), "--mixes", "2x2", "--", "true")
    assert wrong.returncode == 1
    assert "write it as 3x2" in wrong.stderr
    assert "usage" in run("node", str(RUN), "--help").stdout


FORGETFUL = """
import("FOLDER/index.mjs").then(async ({ startMixNetwork }) => {
  await startMixNetwork();
  console.log("ready");
  setInterval(() => {}, 1e6);
});
"""


async def test_the_network_ends_with_a_runner_that_is_killed():
    script = FORGETFUL.replace("FOLDER", str(RUN.parent))
    runner = await asyncio.create_subprocess_exec("node", "-e", script, stdout=subprocess.PIPE)
    assert runner.stdout is not None
    assert await asyncio.wait_for(runner.stdout.readline(), PATIENCE_S) == b"ready\n"
    assert running_names() == ["local"]
    runner.kill()
    await runner.wait()
    await until(lambda: running_names() == [])
