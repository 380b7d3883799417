"""A directory that passes on what the real one says over https, changed as a test wants, and at any time otherwise."""

from __future__ import annotations

import contextlib
import http.server
import json
import ssl
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qs, urlsplit

Document = dict[str, Any]


@dataclass
class Oddity:
    """What is odd about a directory. With nothing given it is a faithful one that speaks JSON."""

    change: Callable[[str, Document], None] = lambda path, document: None
    """Changes a document, given its path below `/api`, in place."""
    status: int = 200
    cors: bool = True
    page_length: int | None = None
    bincode: bool = False
    """Answer lists of skimmed nodes in bincode."""


@dataclass
class OddDirectory:
    """A running odd directory."""

    port: int = 0
    oddity: Oddity = field(default_factory=Oddity)
    requests: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)


@contextlib.contextmanager
def odd_directory(upstream: Callable[[], str], context: ssl.SSLContext) -> Iterator[OddDirectory]:
    """Serve https on a free port of 127.0.0.1; `upstream` gives the URL of the true directory, `/api` included."""
    directory = OddDirectory()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_OPTIONS(self) -> None:
            self.answer(200, "text/plain", b"")

        def do_GET(self) -> None:
            oddity = directory.oddity
            directory.requests.append(self.path)
            if oddity.status != 200:
                self.answer(oddity.status, "text/plain", b"odd")
                return
            with urllib.request.urlopen(upstream() + self.path.removeprefix("/api")) as answer:
                document = json.load(answer)
            url = urlsplit(self.path)
            path = url.path.removeprefix("/api")
            oddity.change(path, document)
            if oddity.page_length is not None:
                _cut_page(document, int(parse_qs(url.query).get("page", ["0"])[0]), oddity.page_length)
            if oddity.bincode and "/skimmed" in path:
                self.answer(200, "application/bincode", skimmed_bincode(document))
            else:
                self.answer(200, "application/json", json.dumps(document).encode())

        def answer(self, status: int, kind: str, body: bytes) -> None:
            directory.kinds.append(kind)
            self.send_response(status)
            if directory.oddity.cors:
                self.send_header("Access-Control-Allow-Origin", "*")
                self.send_header("Access-Control-Allow-Headers", "*")
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A browser that leaves in mid-handshake is no news."""

    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        directory.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield directory
        finally:
            server.shutdown()
            thread.join()


def _cut_page(document: Document, page: int, length: int) -> None:
    paged = document.get("nodes", document)
    if "pagination" not in paged:
        return
    rows = paged["data"]
    paged["data"] = rows[page * length : (page + 1) * length]
    paged["pagination"] = {"total": len(rows), "page": page, "size": len(paged["data"])}


def skimmed_bincode(document: Document) -> bytes:
    """A list of skimmed nodes as the live directory writes it: little-endian bincode with variable-length integers."""
    metadata, nodes = document["metadata"], document["nodes"]
    page = nodes["pagination"]
    head = b"\0" + b"".join(_integer(metadata[name]) for name in ("absolute_epoch_id", "rotation_id"))
    head += _text(metadata["refreshed_at"])
    head += b"".join(_integer(number) for number in (page["total"], page["page"], page["size"], len(nodes["data"])))
    return head + b"".join(_node(node) for node in nodes["data"])


def _node(node: Document) -> bytes:
    addresses = [ip_address(text) for text in node["ip_addresses"]]
    packed = b"".join(bytes([address.version == 6]) + address.packed for address in addresses)
    supported = bytes(node["supported_roles"][name] for name in ("mixnode", "entry", "exit_nr", "exit_ipr"))
    entry = node.get("entry")
    return b"".join(
        (
            _integer(node["node_id"]),
            _text(node["ed25519_identity_pubkey"]),
            _integer(len(addresses)),
            packed,
            _integer(node["mix_port"]),
            _text(node["x25519_sphinx_pubkey"]),
            _role(node["role"]),
            supported,
            b"\0" if entry is None else b"\1" + _entry(entry),
            _text(node["performance"]),
        )
    )


def _role(role: str | Document) -> bytes:
    if isinstance(role, str):
        return bytes([("EntryGateway", "ExitGateway", "Standby", "Inactive").index(role) + 1])
    return bytes([0, role["Mixnode"]["layer"]])


def _entry(entry: Document) -> bytes:
    name, port = entry["hostname"], entry["wss_port"]
    hostname = b"\0" if name is None else b"\1" + _text(name)
    return hostname + _integer(entry["ws_port"]) + (b"\0" if port is None else b"\1" + _integer(port))


def _integer(number: int) -> bytes:
    if number <= 250:
        return bytes([number])
    length = next(length for length in (2, 4, 8) if number < 1 << 8 * length)
    return bytes([{2: 0xFB, 4: 0xFC, 8: 0xFD}[length]]) + number.to_bytes(length, "little")


def _text(text: str) -> bytes:
    data = text.encode()
    return _integer(len(data)) + data
