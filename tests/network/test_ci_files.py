"""The files that give a CI a mixnet: what they run is run here, as a runner does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from support.processes import BIN, first_line, running
from support.waiting import PATIENCE_S

CI = Path(__file__).parents[2] / "packages/mix_network/ci"


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with what a runner gives to a step; a network that was started in it is ended."""
    for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH"):
        (tmp_path / name).touch()
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("RUNNER_TEMP", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("GITHUB_ACTION_PATH", str(CI))
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
    yield tmp_path
    described = tmp_path / "mixnet/network.json"
    if described.exists() and described.stat().st_size:
        os.kill(json.loads(described.read_text())["pid"], signal.SIGTERM)


def read(name: str) -> Any:
    return yaml.safe_load((CI / name).read_text())


def run_step(step: dict[str, Any], inputs: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ)
    for name, value in step["env"].items():
        for given, text in inputs.items():
            value = value.replace(f"${{{{ inputs.{given} }}}}", text)
        assert "${{" not in value
        environment[name] = value
    command = [step["shell"], "-c", step["run"]]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=3 * PATIENCE_S, check=False)


def assignments(path: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


def test_the_actions_network_is_there_for_later_steps(runner: Path):
    action = read("action.yml")
    (step,) = action["runs"]["steps"]
    inputs = {name: declared["default"] for name, declared in action["inputs"].items()}
    done = run_step(step, inputs | {"arguments": "--mixes 3x2 --node-cover 0"})
    assert done.returncode == 0, done.stderr
    told, outputs = assignments(runner / "GITHUB_ENV"), assignments(runner / "GITHUB_OUTPUT")
    assert done.stdout == (runner / "GITHUB_ENV").read_text()
    assert {name: f"${{{{ steps.start.outputs.{name} }}}}" for name in outputs} == {
        name: output["value"] for name, output in action["outputs"].items()
    }
    # Another process, as a later step is.
    status = subprocess.run([BIN / "mix-network", "status", "--json"], capture_output=True, text=True, check=True)
    network = json.loads(status.stdout)
    assert len(network["nodes"]) == 8
    assert told["MIX_DIRECTORY_URL"] == outputs["directory-url"] == network["directory"]["http"]
    assert int(told["MIX_NETWORK_PID"]) == network["pid"]
    assert httpx.get(outputs["status-url"], timeout=PATIENCE_S).status_code == 200


def test_the_actions_mistakes_are_told(runner: Path):
    (step,) = read("action.yml")["runs"]["steps"]
    done = run_step(step, {"arguments": "--mixes 2x2", "package": "mix_network"})
    assert done.returncode == 1
    assert "write it as 3x2" in done.stderr
    assert (runner / "GITHUB_ENV").read_text() == ""


def test_the_compose_files_command_is_found_healthy(runner: Path):
    service = read("compose.yml")["services"]["mixnet"]
    program, *arguments = service["command"]
    kind, _, *check = service["healthcheck"]["test"]
    assert (program, kind) == ("mix-network", "CMD")
    with running([str(BIN / program), *(argument.replace("8100", "0") for argument in arguments)]) as process:
        port = json.loads(first_line(process))["directory"]["http"].split(":")[2].split("/")[0]
        subprocess.run([sys.executable, *(part.replace("8100", port) for part in check)], check=True)
