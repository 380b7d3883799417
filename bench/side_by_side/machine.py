"""When, on what machine and with which versions something was measured."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import time
from pathlib import Path
from typing import Any

from support.chromium import EXECUTABLE

ROOT = Path(__file__).resolve().parents[2]
_PUBLISHED = ("mix-fetch", "mix-dns", "mix-websocket", "mix-tunnel")


def describe_machine() -> dict[str, Any]:
    """All of that."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "cores": os.cpu_count(),
        "processor": _processor(),
        "system": platform.platform(),
        "chromium": _output(EXECUTABLE, "--version").split()[1],
        "published": {name: _npm_version(f"@nymproject/{name}") for name in _PUBLISHED},
        "commit": _output("git", "rev-parse", "--short", "HEAD"),
    }


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()


def _npm_version(package: str) -> str:
    version: str = json.loads((ROOT / "node_modules" / package / "package.json").read_text())["version"]
    return version


def _processor() -> str:
    """What Linux calls it."""
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()
