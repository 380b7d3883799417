"""The Debian package: what is in it, and that its programs run by the system's Python from wherever it is unpacked."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="there is no dpkg-deb")

SYSTEM_PYTHON = "/usr/bin/python3"
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


def output(*command: str | Path, **options: object) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120, **options).stdout


def is_made_for_the_system() -> bool:
    asked = [SYSTEM_PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    return Path(SYSTEM_PYTHON).exists() and output(*asked).strip() == VERSION


def test_the_package_holds_programs_and_services(dist: Path, tmp_path: Path) -> None:
    (package,) = (dist / "debian").glob("*.deb")
    listed = output("dpkg-deb", "--contents", package)
    names = {line.split(maxsplit=5)[5].split(" -> ")[0] for line in listed.splitlines()}
    assert {
        "./usr/bin/mix-network",
        "./usr/lib/systemd/system/mix-node.service",
        "./usr/lib/systemd/system/mix-directory.service",
        "./etc/default/mix-node",
        "./usr/share/doc/mix-network/copyright",
        "./usr/lib/mix-network/mix_network/node/program.py",
        "./usr/lib/mix-network/mix_protocol/__init__.py",
    } <= names
    assert all(line.split()[1] == "root/root" for line in listed.splitlines())
    assert not any("__pycache__" in name or "pytest" in name.split("/")[-2:][0] for name in names)
    depends = output("dpkg-deb", "--field", package, "Depends")
    assert f"python3 (>= {VERSION})" in depends
    unpacked = tmp_path / "unpacked"
    output("dpkg-deb", "--extract", package, unpacked)
    node = (unpacked / "usr/lib/systemd/system/mix-node.service").read_text()
    assert "\nExecStart=/usr/bin/mix-network node run $MIX_NODE_OPTIONS --home %S/mix-node\n" in node
    assert "\nEnvironmentFile=-/etc/default/mix-node\n" in node
    directory = (unpacked / "usr/lib/systemd/system/mix-directory.service").read_text()
    assert "\nExecStart=/usr/bin/mix-network directory run --init --home %S/mix-directory\n" in directory

    program = unpacked / "usr/bin/mix-network"
    command = [str(program)] if is_made_for_the_system() else [sys.executable, "-I", "-S", str(program)]
    clean = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    assert "node" in output(*command, "--help", cwd="/", env=clean)
    home = tmp_path / "home"
    init = ["node", "init", "--home", home, "--role", "entry", "--directory", "http://192.0.2.1:8000/api"]
    told = output(*command, *init, "--announce", "192.0.2.7", cwd="/", env=clean)
    assert re.search(r"^identity \w+$", told, re.MULTILINE)
    assert "are right" in output(*command, "node", "run", "--home", home, "--check", cwd="/", env=clean)
