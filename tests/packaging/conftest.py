"""What `make dist` builds, and a local mixnet with the sites that the examples of the READMEs ask for."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.processes import local_network
from support.readme import ROOT, LocalPlaces
from support.servers import serve_http
from support.tls_server import authority, certificate, pem_of, server_context

NAMES = ("example.com", "www.example.com", "example.org", "www.example.org", "echo.example.org")
PAGES = {"/": ("text/html", b"<h1>hello from the example</h1>"), "/data.json": ("application/json", b'{"a": 1}')}


@pytest.fixture(scope="session")
def dist() -> Path:
    """build/dist as `make dist` leaves it."""
    subprocess.run([sys.executable, str(ROOT / "release/make_dist.py")], check=True, capture_output=True)
    return ROOT / "build/dist"


@pytest.fixture(scope="session")
def places() -> Iterator[LocalPlaces]:
    """A local mixnet on which the examples' names lead to a web server with a certificate for them."""
    hosts = [argument for name in NAMES for argument in ("--host", f"{name}=127.0.0.1")]
    context = server_context(certificate(*NAMES))
    with (
        local_network("--allow-local", "--dns", "none", *hosts) as network,
        serve_http(PAGES, context) as https,
        serve_http(PAGES) as http,
    ):
        ports = {"https": https.port, "http": http.port}
        yield LocalPlaces(network["directory"]["http"], pem_of(authority()), ports)


@pytest.fixture
def empty_folder() -> Iterator[Path]:
    """A folder outside the project, so that nothing of it is found by accident."""
    with tempfile.TemporaryDirectory(prefix="consumer-") as folder:
        yield Path(folder)
