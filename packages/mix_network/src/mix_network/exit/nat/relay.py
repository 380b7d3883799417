"""Carries bytes between a client's TCP connection, which ends in our stack, and a socket of the operating system.

Back-pressure goes through in both directions: what the real socket can't take stays in the connection's receive buffer,
whose window closes; what the connection can't take makes us stop reading the real socket, whose own window closes.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from mix_protocol.errors import MixError
from mix_protocol.netstack.tcp.config import TcpConfig
from mix_protocol.netstack.tcp.connection import TcpConnection

_CHUNK_BYTES = 64 * 1024

SEND_BUFFER_BYTES = TcpConfig().receive_buffer_bytes
"""What the kernel may hold for a server: as much as the client has on its way to us during a round trip, which goes
through the mixnet and so is longer than that from us to the server. By itself a kernel would take megabytes from a
client whose server doesn't read."""


class TcpRelay(asyncio.Protocol):
    """The real socket's protocol; it does not read until `attach` brings the client's connection.

    on_finished -- called once, when nothing is left to carry and both ends are closed
    on_output -- called when the connection may have segments to send
    """

    def __init__(self, on_finished: Callable[[], None], on_output: Callable[[], None]) -> None:
        self._on_finished = on_finished
        self._on_output = on_output
        self._transport: asyncio.Transport | None = None
        self._connection: TcpConnection | None = None
        # From the real socket, not yet taken by the connection.
        self._pending = memoryview(b"")
        self._reading = False
        self._writable = True
        self._remote_ended = False
        self._client_ended = False
        self._fin_sent = False
        self._finished = False

    # The real socket.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        # Nothing has been written yet; from now on the kernel doesn't choose by itself.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        self._pending = memoryview(bytes(self._pending) + data if self._pending else data)
        self._to_client()
        self._on_output()

    def eof_received(self) -> bool:
        self._remote_ended = True
        self._to_client()
        self._on_output()
        return True  # the other direction may go on

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._to_remote()
        self._on_output()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if not self._finished:
            # Only a reset or a failure gets here: an orderly end is begun by ourselves, in `_finish`.
            self._reset_client()
            self._finish()
        self._on_output()

    # The client's connection.

    def attach(self, connection: TcpConnection) -> None:
        """Start to carry: the client's connection stands."""
        if self._finished or self._transport is None:
            connection.abort()
            return
        self._connection = connection
        self._reading = True
        self._transport.resume_reading()
        self.connection_changed()

    def connection_changed(self) -> None:
        """The client's connection has data, room, an end or an error."""
        if self._finished or self._connection is None:
            return
        if self._connection.error is not None:
            self.abort()
            return
        self._to_remote()
        self._to_client()

    def abort(self) -> None:
        """Reset both sides."""
        self._reset_client()
        self._finish()

    def _to_remote(self) -> None:
        connection, transport = self._connection, self._transport
        if connection is None or transport is None or self._client_ended:
            return
        # A socket that just failed is closing before `connection_lost` comes.
        while self._writable and not transport.is_closing():
            data = connection.receive(_CHUNK_BYTES)
            if not data:
                break
            transport.write(data)
        if connection.at_eof and not connection.receivable:
            self._client_ended = True
            try:
                transport.write_eof()
            except OSError:
                # The other side has reset the socket, and the event loop has not noticed yet.
                self.abort()
                return
            self._finish_if_done()

    def _to_client(self) -> None:
        connection = self._connection
        if connection is None or self._finished:
            return
        try:
            if self._pending:
                accepted = connection.send(self._pending)
                self._pending = self._pending[accepted:]
            if self._remote_ended and not self._pending and not self._fin_sent:
                self._fin_sent = True
                connection.close()
        except MixError:
            self.abort()
            return
        self._pace_reading()
        self._finish_if_done()

    def _pace_reading(self) -> None:
        """Read the real socket only while the client's connection takes what it brings."""
        if self._transport is None or self._remote_ended:
            return
        if self._pending and self._reading:
            self._reading = False
            self._transport.pause_reading()
        elif not self._pending and not self._reading:
            self._reading = True
            self._transport.resume_reading()

    def _finish_if_done(self) -> None:
        if self._client_ended and self._fin_sent:
            self._finish()

    def _reset_client(self) -> None:
        connection = self._connection
        if connection is not None and connection.error is None and not (self._client_ended and self._fin_sent):
            connection.abort()

    def _finish(self) -> None:
        """Close the real socket, after what it still has to write unless the client's side broke, and leave."""
        if self._finished:
            return
        self._finished = True
        transport = self._transport
        if transport is not None:
            if self._client_ended and self._fin_sent:
                transport.close()
            else:
                transport.abort()
        self._on_finished()
