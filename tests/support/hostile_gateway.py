"""Gateways that do not do what they should, and a directory that sends clients to them."""

from __future__ import annotations

import contextlib
import http.server
import re
import threading
import urllib.request
from collections.abc import Iterator

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve


@contextlib.contextmanager
def answering_gateway(*answers: str | bytes) -> Iterator[int]:
    """A WebSocket server on a free port of 127.0.0.1 that answers every frame with the same frames."""

    def handle(connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            for _ in connection:
                for answer in answers:
                    connection.send(answer)

    with serve(handle, "127.0.0.1", 0, open_timeout=60) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.socket.getsockname()[1]
        finally:
            server.shutdown()
            thread.join()


def with_gateway_port(document: bytes, port: int) -> bytes:
    """A directory document in which every gateway listens at another port."""
    return re.sub(rb'"ws_port":\s*\d+', b'"ws_port":%d' % port, document)


@contextlib.contextmanager
def tampered_directory(directory_url: str, gateway_port: int) -> Iterator[str]:
    """A directory like the real one, but for its gateways' port; gives its URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with urllib.request.urlopen(directory_url + self.path) as answer:
                body = with_gateway_port(answer.read(), gateway_port)
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
