"""A host on the in-memory Internet: a real stack with a few simple services."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from ipaddress import IPv4Address

from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.errors import MixError
from mix_protocol.netstack.stack import NetworkStack
from mix_protocol.netstack.tcp.connection import TcpConnection

HOST = IPv4Address("93.184.216.34")
ECHO, SINK, SOURCE, SILENT = 7, 9, 19, 1000
UDP_ECHO = 53


def pattern(size: int) -> bytes:
    """`size` bytes that do not repeat and are the same each time."""
    return hashlib.shake_256(b"pattern").digest(size)


class MemoryHost(NetworkStack):
    """Listens on the ports above: gives back, swallows, sends `source_bytes` and closes, says nothing."""

    def __init__(self, seed: int = 1, *, source_bytes: int = 100_000) -> None:
        super().__init__(SeededRandom(f"host {seed}"), addresses=(HOST,))
        self.source = pattern(source_bytes)
        self.swallowed = bytearray()
        self.connections: list[TcpConnection] = []
        for port, serve in (
            (ECHO, self._echo),
            (SINK, self._sink),
            (SOURCE, self._source),
            (SILENT, lambda connection: None),
        ):
            self._listen(port, serve)
        self._datagrams = self.open_udp(UDP_ECHO)
        self._datagrams.on_event = self._echo_datagrams

    def _listen(self, port: int, serve: Callable[[TcpConnection], None]) -> None:
        listener = self.listen_tcp(None, port)

        def take() -> None:
            while (connection := listener.accept()) is not None:
                self.connections.append(connection)
                connection.on_event = _guarded(connection, serve)
                connection.on_event()

        listener.on_event = take

    def _echo(self, connection: TcpConnection) -> None:
        while connection.receivable and connection.send_capacity:
            connection.send(connection.receive(connection.send_capacity))
        if connection.at_eof:
            connection.close()

    def _sink(self, connection: TcpConnection) -> None:
        self.swallowed += connection.receive(1 << 20)
        if connection.at_eof:
            connection.send(hashlib.sha256(self.swallowed).digest())
            connection.close()

    def _source(self, connection: TcpConnection) -> None:
        while self.source and connection.send_capacity:
            self.source = self.source[connection.send(self.source) :]
        if not self.source:
            connection.close()

    def _echo_datagrams(self) -> None:
        while (datagram := self._datagrams.receive()) is not None:
            self._datagrams.send(*datagram, 0.0)


def _guarded(connection: TcpConnection, serve: Callable[[TcpConnection], None]) -> Callable[[], None]:
    """Run a service at events, but not within itself: a call on a connection may tell an event before it returns."""
    is_running = False

    def run() -> None:
        nonlocal is_running
        if is_running:
            return
        is_running = True
        try:
            serve(connection)
        except MixError:
            connection.abort()
        finally:
            is_running = False

    return run
