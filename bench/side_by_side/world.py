"""The world that both clients live in: a local mixnet, the pages' web server and a site to fetch from."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
HOST = "demo.test"
FRESH_NAMES = [f"name-{number}.{HOST}" for number in range(20)]
"""Further names of the site. A client is asked for each once, as it keeps the answers."""
DIRECTORY_HOST = "validator.nymtech.net"
"""The one directory that the published client knows; both clients' browsers are told that it lives here."""


class World:
    """What a bench must know of the running world."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.pages: str = told["pages"]
        self.http: str = told["http"]
        self.https: str = told["https"]
        self.web_socket: str = told["web_socket"]
        self.authority_pem: str = told["authority_pem"]
        self.network: dict[str, Any] = told["network"]

    @property
    def directory_port(self) -> int:
        """Of the directory's https."""
        port = httpx.URL(self.network["directory"]["https"]).port
        assert port is not None
        return port

    def set_link(self, link: str) -> None:
        """Make the network's links like this from now on."""
        url = self.network["directory"]["http"].removesuffix("/api") + "/link"
        httpx.put(url, content=link, trust_env=False).raise_for_status()

    def take_sent(self) -> list[dict[str, Any]]:
        """What the pages' server has sent since it was asked last."""
        sent: list[dict[str, Any]] = httpx.get(f"{self.pages}/sent.json", trust_env=False).json()
        return sent


@contextlib.contextmanager
def running_world() -> Iterator[World]:
    """The world until the block ends."""
    command = [sys.executable, "-m", "bench.side_by_side.world_process"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise SystemExit(f"bench: the world of both clients ended with exit code {process.wait()}")
        yield World(json.loads(line))
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
