"""A client's WebSocket, from accept on: `websockets` does it, but for what every packet passes through."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence
from typing import Any, Final

from websockets.asyncio.server import ServerConnection
from websockets.frames import Opcode
from websockets.protocol import State

from mix_network.connection_table import ConnectionTable, origin_of

_FINAL: Final = 0x80


class AcceptedConnection(ServerConnection):
    """A connection that counts from accept on."""

    def __init__(self, table: ConnectionTable, goes_on: asyncio.Event, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._table = table
        self._goes_on = goes_on
        self.origin: str | None = None
        """Which address counts for it; None for one of this machine's own programs."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        address = peer[0] if peer else None
        self.origin = origin_of(address)
        self._table.opened(self, address)
        if not self._goes_on.is_set():
            self.pause()

    def connection_lost(self, exc: Exception | None) -> None:
        self._table.closed(self)
        super().connection_lost(exc)

    async def send_all(self, messages: Sequence[str | bytes]) -> None:
        """Send messages in one go and wait until there is room for more; raises `ConnectionClosed`."""
        async with self.send_context():
            # Its state needs nothing of what `send_text` and `send_binary` do, which takes several times as long.
            self.protocol.writes += map(encode_message, messages)

    def send_data(self) -> None:
        if self.protocol.state is State.OPEN:
            self.transport.writelines(self.protocol.data_to_send())
        else:
            super().send_data()  # there may be the end of the stream among it

    def pause(self) -> None:
        """Read nothing, not even pings, until `go_on`."""
        self.transport.pause_reading()

    def go_on(self) -> None:
        """Read again. Where more waits than anybody has taken, `websockets` pauses again by itself."""
        self.transport.resume_reading()

    def abort(self) -> None:
        """End it at once."""
        self.transport.abort()


def encoded_length(message: str | bytes) -> int:
    """How many bytes `encode_message` gives; text is ASCII."""
    length = len(message)
    return length + (2 if length < 126 else 4 if length < 1 << 16 else 10)


def encode_message(message: str | bytes) -> bytes:
    """A message in one frame, as a server sends it (RFC 6455, section 5.2): final, not masked."""
    opcode, data = (Opcode.TEXT, message.encode()) if isinstance(message, str) else (Opcode.BINARY, message)
    length = len(data)
    if length < 126:
        return struct.pack("!BB", _FINAL | opcode, length) + data
    if length < 1 << 16:
        return struct.pack("!BBH", _FINAL | opcode, 126, length) + data
    return struct.pack("!BBQ", _FINAL | opcode, 127, length) + data
