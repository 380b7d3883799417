"""Pages for the published packages, bundled as their README files ask."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = b'<!doctype html><title>page</title><script type="module" src="page.js"></script>'


def bundled(name: str) -> bytes:
    """A script of `page/`, with the packages that it imports."""
    command = [ROOT / "node_modules/.bin/esbuild", Path(__file__).parent / "page" / name, "--bundle", "--format=esm"]
    return subprocess.run(command, check=True, capture_output=True).stdout
