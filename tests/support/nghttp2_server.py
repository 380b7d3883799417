"""Node's HTTP/2 server, which is nghttp2, as a process."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from support.processes import first_line, running
from support.tls_server import certificate

PROGRAM = Path(__file__).with_name("http2_server.mjs")


@contextlib.contextmanager
def nghttp2_server(host: str) -> Iterator[int]:
    """Serve with a certificate for `host`; yields the port."""
    leaf = certificate(host)
    with tempfile.TemporaryDirectory() as folder:
        chain, key = Path(folder, "chain.pem"), Path(folder, "key.pem")
        chain.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        key.write_bytes(leaf.private_key_pem.bytes())
        with running(["node", str(PROGRAM), str(chain), str(key)]) as process:
            yield json.loads(first_line(process))["port"]
