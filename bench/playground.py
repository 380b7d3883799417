"""The playground as a process: a local mixnet, the demo site and the page."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WARM_FETCHES = 20
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Playground:
    """Where everything is."""

    url: str
    https: str
    http: str
    directory_url: str
    secure_directory_url: str
    ca_certificates: tuple[str, ...]


@contextlib.contextmanager
def running_playground(dist: Path = ROOT / "web/dist") -> Iterator[Playground]:
    """The playground on free ports until the block ends.

    dist -- the files that it serves
    """
    command = [sys.executable, str(ROOT / "web/playground.py"), "--port", "0", "--json", "--dist", str(dist)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise SystemExit(f"bench: the playground ended with exit code {process.wait()}")
        ready = json.loads(line)
        with urllib.request.urlopen(f"{ready['url']}playground.json") as answer:
            config = json.load(answer)
        yield Playground(
            url=ready["url"],
            https=ready["https"],
            http=ready["http"],
            directory_url=ready["network"]["directory"]["http"],
            secure_directory_url=ready["network"]["directory"]["https"],
            ca_certificates=tuple(config["caCertificates"]),
        )
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
