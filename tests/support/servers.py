"""An http server of the standard library, for clients in a browser; with TLS where it is given a context."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


def pattern(size: int) -> bytes:
    """`size` bytes that do not repeat and are the same each time."""
    return hashlib.shake_256(b"pattern").digest(size)


@dataclass
class HttpServer:
    """A running server: its port, and who asked for what."""

    port: int = 0
    peers: set[str] = field(default_factory=set)
    connections: set[tuple[str, int]] = field(default_factory=set)
    requests: list[tuple[str, str]] = field(default_factory=list)


@contextlib.contextmanager
def serve_http(pages: dict[str, tuple[str, bytes]], context: ssl.SSLContext | None = None) -> Iterator[HttpServer]:
    """Serve {path: (content type, body)} on a free port of 127.0.0.1; POST gives the body back, to /sha256 its hash."""
    seen = HttpServer()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            seen.peers.add(self.client_address[0])
            seen.connections.add(self.client_address)
            seen.requests.append((self.command, self.path))
            kind, body = pages.get(self.path.partition("?")[0], ("", b""))
            self.answer(200 if kind else 404, kind or "text/plain", body)

        def do_POST(self) -> None:
            seen.peers.add(self.client_address[0])
            seen.connections.add(self.client_address)
            seen.requests.append((self.command, self.path))
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/sha256":
                body = hashlib.sha256(body).digest()
            self.answer(200, "application/octet-stream", body)

        def answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        seen.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield seen
        finally:
            server.shutdown()
            thread.join()
