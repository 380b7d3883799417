"""An empty npm project with our tarballs in it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

PACKAGES = ("mix-tunnel", "mix-fetch", "mix-dns", "mix-websocket")


def empty_project(folder: Path, dist: Path) -> Path:
    """Make the folder a project into which npm has installed our tarballs, without asking any registry."""
    (folder / "package.json").write_text(json.dumps({"name": "empty", "private": True, "type": "module"}))
    tarballs = [str(path) for path in sorted((dist / "npm").glob("*.tgz"))]
    command = ["npm", "install", "--offline", "--no-audit", "--no-fund", *tarballs]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder
