"""A TCP relay in front of a server, whose connections a test can cut."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

_BLOCK = 65_536


class TcpRelay:
    """Passes bytes on between its clients and a server on 127.0.0.1."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._frozen = threading.Event()
        self.port: int = self._listener.getsockname()[1]
        self.accepted = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        """End every connection at once; new ones are taken as before."""
        with self._lock:
            for side in self._open:
                with contextlib.suppress(OSError):
                    side.shutdown(socket.SHUT_RDWR)
            self._open.clear()

    def freeze(self) -> None:
        """Let every connection look alive and pass nothing any more; new ones work."""
        self._frozen.set()
        self._frozen = threading.Event()

    def close(self) -> None:
        """Cut, and take no more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # the listener's end
            while True:
                client = self._listener.accept()[0]
                self.accepted += 1
                try:
                    server = socket.create_connection(("127.0.0.1", self._target_port))
                except OSError:  # the server is away, perhaps for a while
                    client.close()
                    continue
                with self._lock:
                    self._open += [client, server]
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=_pump, args=(source, sink, self._frozen), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket, frozen: threading.Event) -> None:
    with source, contextlib.suppress(OSError):
        while data := source.recv(_BLOCK):
            if not frozen.is_set():
                sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def relaying(target_port: int) -> Iterator[TcpRelay]:
    """A relay for the block."""
    relay = TcpRelay(target_port)
    try:
        yield relay
    finally:
        relay.close()
