"""docs/deploy.md, followed on three machines: the commands are the page's own."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from support import machines
from support.processes import BIN, first_line, running
from support.waiting import PATIENCE_S

GUIDE = Path(__file__).parents[2] / "docs" / "deploy.md"
# In networks of their own, as clients want the nodes of a route; nobody else sees these addresses.
DIRECTORY = "11.1.0.1"
NODES = {
    "11.2.0.1": ("one", "mix"),
    "11.3.0.1": ("two", "mix"),
    "11.4.0.1": ("three", "mix"),
    "11.5.0.1": ("two", "entry"),
    "11.6.0.1": ("three", "exit"),
}
SITE = "11.7.0.1"
MACHINES = {
    "one": [DIRECTORY, "11.2.0.1", SITE],
    "two": ["11.3.0.1", "11.5.0.1"],
    "three": ["11.4.0.1", "11.6.0.1"],
}

reason = machines.missing()
pytestmark = pytest.mark.skipif(reason is not None, reason=reason or "")


def commands(section: str) -> list[list[str]]:
    """The commands of a section of the guide."""
    text = GUIDE.read_text().split(f"\n## {section}\n")[1].split("\n## ")[0]
    block = re.search(r"```sh\n(.*?)```", text, re.DOTALL)
    assert block is not None
    return [shlex.split(line) for line in block[1].splitlines()]


def follow(command: list[str], changes: dict[str, str]) -> list[str]:
    """A command of the guide, with what differs here."""
    assert command[0] == "mix-network"
    words = [str(BIN / "mix-network"), *command[1:]]
    for old, new in changes.items():
        words = [word.replace(old, new) for word in words]
    return words


def test_the_guide_makes_a_network_of_three_machines_that_a_client_uses(tmp_path: Path):
    content = os.urandom(30_000)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "file").write_bytes(content)
    with ExitStack() as stack:
        at = stack.enter_context(machines.machines(MACHINES))
        init, run = commands("The directory")
        home = {"/var/lib/mix-directory": str(tmp_path / "directory")}
        # Addresses of its own, for several "machines" here are one.
        subprocess.run([*at["one"], *follow(init, home), "--listen", DIRECTORY], check=True, capture_output=True)
        first_line(stack.enter_context(running([*at["one"], *follow(run, home), "--json"])))
        nodes = []
        for address, (machine, role) in NODES.items():
            init, run = commands("Nodes")
            changes = {
                "/var/lib/mix-node": str(tmp_path / address),
                "192.0.2.7": address,
                "192.0.2.1": DIRECTORY,
            }
            words = [role if word == "mix" else word for word in init]
            subprocess.run(
                [*at[machine], *follow(words, changes), "--listen", address], check=True, capture_output=True
            )
            nodes.append(stack.enter_context(running([*at[machine], *follow(run, changes), "--json"])))
        for node in nodes:
            first_line(node)
        server = subprocess.Popen(
            [*at["one"], "python3", "-m", "http.server", "80", "--bind", SITE, "--directory", str(tmp_path / "site")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        stack.callback(server.wait)
        stack.callback(server.kill)
        directory = f"http://{DIRECTORY}:8000/api"
        fetch = [str(BIN / "mix"), "fetch", "--no-force-tls", "--directory", directory, f"http://{SITE}/file"]
        deadline = time.monotonic() + PATIENCE_S
        while True:
            fetched = subprocess.run([*at["two"], *fetch], capture_output=True, check=False)
            if fetched.returncode == 0 or time.monotonic() > deadline:
                break
        logs = [line for node in nodes for line in node.errors]
        assert fetched.returncode == 0, fetched.stderr.decode() + "".join(logs)
        assert fetched.stdout == content
