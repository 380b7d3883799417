"""What `make dist` builds, and a local mixnet with the sites that the examples of the READMEs ask for."""

from __future__ import annotations

import contextlib
import fcntl
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.processes import local_network
from support.readme import ROOT, LocalPlaces
from support.servers import serve_http
from support.tls_server import authority, certificate, pem_of, server_context
from support.unbound import run_unbound
from websockets.sync.server import ServerConnection, serve

NAMES = ("example.com", "www.example.com", "example.org", "www.example.org", "echo.example.org")
ZONE = (
    *(f"{name}. 60 IN A 127.0.0.1" for name in NAMES),
    *(f"{name}. 60 IN MX 10 mail.{name}." for name in ("example.com", "example.org")),
    "1.2.0.192.in-addr.arpa. 60 IN PTR www.example.org.",
)
PAGES = {"/": ("text/html", b"<h1>hello from the example</h1>"), "/data.json": ("application/json", b'{"a": 1}')}


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """build/dist as `make dist` leaves it; made once, by the first of all processes that run tests."""
    own = tmp_path_factory.getbasetemp()
    made = (own if worker_id == "master" else own.parent) / "dist-made"
    with made.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            command = [sys.executable, str(ROOT / "release/make_dist.py")]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            made.touch()
    return ROOT / "build/dist"


@contextlib.contextmanager
def serve_echo(context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A WebSocket server that sends every message back; gives its port."""

    def echo(connection: ServerConnection) -> None:
        for message in connection:
            connection.send(message)

    with serve(echo, "127.0.0.1", 0, ssl=context) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.socket.getsockname()[1]
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def places() -> Iterator[LocalPlaces]:
    """A local mixnet, and a DNS server that leads the examples' names to servers with a certificate for them."""
    context = server_context(certificate(*NAMES))
    with (
        local_network("--allow-local") as network,
        run_unbound(ZONE) as names,
        serve_http(PAGES, context) as https,
        serve_http(PAGES) as http,
        serve_echo(context) as wss,
        serve_echo() as ws,
    ):
        ports = {"https": https.port, "http": http.port, "wss": wss, "ws": ws}
        yield LocalPlaces(network["directory"]["http"], pem_of(authority()), names.udp, ports)


@pytest.fixture
def empty_folder() -> Iterator[Path]:
    """A folder outside the project, so that nothing of it is found by accident."""
    with tempfile.TemporaryDirectory(prefix="consumer-") as folder:
        yield Path(folder)
